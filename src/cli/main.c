/* SPDX-License-Identifier: MIT */
/* The program: finds the command, runs it, and turns its status into the last line on stderr and the exit code. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/help.h"
#include "cli/interrupt.h"
#include "cli/output.h"

static int print_version(void)
{
    struct tl_buffer text;
    tl_buffer_init(&text, 0);
    tl_buffer_printf(&text, "trill %s (this CPU runs: %s)\n", trill_version(), trill_cpu_levels());
    int r = tl_output_buffer(&text);
    tl_buffer_done(&text);
    return r;
}

static int dispatch(int argc, char **argv)
{
    if (argc < 2)
        return tl_fail(TL_E_USAGE, "a command is missing; trill help lists them");
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)
        return print_version();
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return tl_help_print(NULL);
    const struct tl_command *command = tl_command_find(argv[1]);
    return command ? tl_command_run(command, argc - 2, argv + 2) : TL_E_USAGE;
}

/* Texts of files may be part of the sentence: what would steer a terminal is not shown. */
static void report(const char *sentence)
{
    fputs("trill: ", stderr);
    for (; *sentence; sentence++)
        fputc((unsigned char)*sentence < 0x20 || *sentence == 0x7F ? '?' : *sentence, stderr);
    fputc('\n', stderr);
}

int main(int argc, char **argv)
{
    tl_interrupt_install();
    int r = dispatch(argc, argv);
    if (r == TL_CLI_QUIET)
        return 1;
    if (r < 0)
        report(r == TL_E_CANCEL ? "interrupted" : tl_error_text());
    return r < 0 ? trill_exit_code(r) : 0;
}
