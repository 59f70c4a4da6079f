#!/bin/sh
# SPDX-License-Identifier: MIT
# What `make install DESTDIR=...` puts in place is complete: the program runs, the example builds against the installed header
# and libraries alone, shared and static, in C and C++, the manual is there, and nothing else came along.

set -eu
scratch=$(mktemp -d); trap 'rm -rf "$scratch"' EXIT
fail() { echo "$*"; exit 1; }

if nm -D "$TRILL_BUILD/libtrill.so" | grep -Eq ' U __(a|t)san_'; then
    echo 'a library with sanitizers cannot be linked into a program without'
    exit 77
fi
DESTDIR=$scratch meson install -C "$TRILL_BUILD" --no-rebuild >"$scratch/log" 2>&1 || { cat "$scratch/log"; fail 'meson install fails'; }
rm "$scratch/log"
find "$scratch" ! -type d | sed "s|$scratch||" | sort >"$scratch/files"
for name in bin/trill include/trill.h libtrill.so libtrill.so.0 libtrill.a pkgconfig/trill.pc man1/trill.1 systemd/system/trill.service; do
    grep -q "/$name\$" "$scratch/files" || { cat "$scratch/files"; fail "$name is not installed"; }
done
if grep -vE '/(trill|trill\.h|libtrill\.(a|so[.0-9]*)|trill\.(pc|1|service)|cli\.md|files)$' "$scratch/files"; then
    fail 'installed, and unknown to this test'
fi

PKG_CONFIG_PATH=$(dirname "$(find "$scratch" -name trill.pc)")
PKG_CONFIG_SYSROOT_DIR=$scratch
LD_LIBRARY_PATH=$(dirname "$PKG_CONFIG_PATH")
export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR LD_LIBRARY_PATH
[ "$("$(find "$scratch" -path '*/bin/trill')" --version | tr ' ' '\n' | grep -c "^$(pkg-config --modversion trill)\$")" = 1 ] ||
    fail 'the program and the pkg-config file know different versions'

model=$TRILL_ROOT/tests/golden/llama/model.gguf
for kind in shared static; do
    case $kind in
    shared) libraries=$(pkg-config --libs trill) ;;
    static) libraries="$LD_LIBRARY_PATH/libtrill.a $(pkg-config --static --libs trill | sed 's/-ltrill//')" ;;
    esac
    # shellcheck disable=SC2046,SC2086           # lists of words
    cc -Wall -Wextra -Werror -o "$scratch/hello" "$TRILL_ROOT/examples/hello.c" $(pkg-config --cflags trill) $libraries
    "$scratch/hello" "$model" Hello >"$scratch/answer" || fail "no answer from the $kind library"
    grep -q '^([0-9]* tokens, ' "$scratch/answer" || fail "no figures behind the answer of the $kind library"
done

cat >"$scratch/program.cc" <<'END'
#include <trill.h>
#include <cstring>
int main()
{
    trill_model_options options;
    trill_model_options_init(&options, sizeof options);
    trill_model *model = nullptr;
    return std::strcmp(trill_version(), TRILL_VERSION) != 0 || trill_model_open("/nonexistent", &options, &model) != TRILL_IO ||
           !std::strstr(trill_error(), "/nonexistent");
}
END
# shellcheck disable=SC2046
c++ -std=c++11 -pedantic -Wall -Wextra -Werror -o "$scratch/program" "$scratch/program.cc" $(pkg-config --cflags --libs trill)
"$scratch/program" || fail 'a C++ program does not work with the installed library'
