/* SPDX-License-Identifier: MIT */
/* Every row of archs.def: its facts are whole, no two rows claim the same files, and a GGUF or a folder that names it is
 * recognised. What it computes is compared in tests/golden. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "model/arch.h"
#include "modelfile/writer.h"
#include "folder.h"

#define ARCH(name) extern const struct tl_arch tl_arch_##name;
#include "model/archs.def"
#undef ARCH

static const struct tl_arch *const archs[] = {
#define ARCH(name) &tl_arch_##name,
#include "model/archs.def"
#undef ARCH
};

enum { ARCHS = sizeof archs / sizeof *archs };

static void test_facts(void **state)
{
    (void)state;
    for (int i = 0; i < ARCHS; i++) {
        const struct tl_arch *arch = archs[i];
        assert_true(arch->name && *arch->name && arch->layer);
        assert_non_null(arch->model_types[0]);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(arch->name, archs[k]->name);
        for (const struct tl_name *name = arch->names; name && name->gguf; name++)
            if (!name->hf)
                fail_msg("%s: a row of names without a name for safetensors", arch->name);
    }
}

static void write_model(enum tl_modelfile_format format, const char *architecture)
{
    struct tl_writer *writer;
    const char *name = format == TL_MODELFILE_GGUF ? "model.gguf" : "model.safetensors";
    assert_int_equal(tl_writer_open(in_folder(name), format, &writer), 0);
    if (architecture)
        assert_int_equal(tl_writer_string(writer, "general.architecture", architecture, strlen(architecture)), 0);
    assert_int_equal(tl_writer_tensor(writer, "one", tl_number_by_name("f32"), 1, (uint64_t[]){1}), 0);
    assert_int_equal(tl_writer_begin(writer), 0);
    assert_int_equal(tl_writer_bytes(writer, &(float){1}, sizeof(float)), 0);
    assert_int_equal(tl_writer_commit(writer), 0);
    tl_writer_close(writer);
}

static const struct tl_arch *found_in(const char *path)
{
    struct tl_modelfile *file;
    if (tl_modelfile_open(path, &file) < 0)
        fail_msg("%s", tl_error_text());
    const struct tl_arch *arch = tl_arch_find(file);
    tl_modelfile_close(file);
    return arch;
}

static const struct tl_arch *found_as_gguf(const char *architecture)
{
    write_model(TL_MODELFILE_GGUF, architecture);
    const struct tl_arch *arch = found_in(in_folder("model.gguf"));
    assert_int_equal(unlink(in_folder("model.gguf")), 0);
    return arch;
}

static const struct tl_arch *found_as_folder(const char *config)
{
    make_text(in_folder("config.json"), config);
    return found_in(folder);
}

static void test_recognised(void **state)
{
    (void)state;
    char config[128];
    write_model(TL_MODELFILE_SAFETENSORS, NULL);
    for (int i = 0; i < ARCHS; i++) {
        assert_ptr_equal(found_as_gguf(archs[i]->name), archs[i]);
        for (int k = 0; k < 4 && archs[i]->model_types[k]; k++) {
            snprintf(config, sizeof config, "{\"model_type\": \"%s\"}", archs[i]->model_types[k]);
            assert_ptr_equal(found_as_folder(config), archs[i]);
        }
    }
}

static void refused(const struct tl_arch *found, const char *words)
{
    assert_null(found);
    if (!strstr(tl_error_text(), words))
        fail_msg("\"%s\" does not say \"%s\"", tl_error_text(), words);
}

/* The sentence names the file, the field, what was found and what is known. */
static void test_unknown(void **state)
{
    (void)state;
    refused(found_as_gguf("rwkv99"), "model.gguf: architecture \"rwkv99\" is not supported (known: llama,");
    refused(found_as_gguf(NULL), "model.gguf: general.architecture is missing");
    write_model(TL_MODELFILE_SAFETENSORS, NULL);
    refused(found_as_folder("{\"model_type\": \"rwkv99\"}"), "architecture \"rwkv99\" is not supported (known: llama,");
    refused(found_as_folder("{\"hidden_size\": 8}"), "config.model_type is missing");
}

/* What is planned only is refused where a file of it is opened, and nothing else is for that reason. */
static void test_planned(void **state)
{
    static struct tl_geometry geometry;
    int n = 0;
    (void)state;
    for (int i = 0; i < ARCHS; i++) {
        struct tl_modelfile *file;
        write_model(TL_MODELFILE_GGUF, archs[i]->name);
        assert_int_equal(tl_modelfile_open(in_folder("model.gguf"), &file), 0);
        assert_int_equal(tl_geometry_read(file, &geometry), TL_E_FILE);
        assert_int_equal(strstr(tl_error_text(), "but does not run them yet") != NULL, archs[i]->planned);
        n += archs[i]->planned;
        tl_modelfile_close(file);
        assert_int_equal(unlink(in_folder("model.gguf")), 0);
    }
    assert_true(n > 0);
}

static int remove_files(void **state)
{
    unlink(in_folder("model.safetensors"));
    unlink(in_folder("config.json"));
    return remove_empty_folder(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_facts), cmocka_unit_test(test_recognised), cmocka_unit_test(test_unknown), cmocka_unit_test(test_planned),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_files);
}
