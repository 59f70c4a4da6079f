# SPDX-License-Identifier: MIT
# Forwards to Meson: the release build lives in build/.

all:
	@tool/build build

check:
	@./check

install: all
	meson install -C build

clean:
	rm -rf build build-*

.PHONY: all check install clean
