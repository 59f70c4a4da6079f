/* SPDX-License-Identifier: MIT */
/* Columns from the least value (a bit below it) to the largest, in eighths of a character or in whole ones. */
#include "cli/plot.h"

#include <langinfo.h>
#include <locale.h>
#include <string.h>

static const char *const eighths[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};

bool tl_plot_utf8(void)
{
    locale_t user = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
    if (!user)
        return false;
    bool utf8 = strcmp(nl_langinfo_l(CODESET, user), "UTF-8") == 0;
    freelocale(user);
    return utf8;
}

/* The mean of the values that a column stands for. */
static double mean(const double *values, size_t n, size_t columns, size_t column)
{
    size_t from = column * n / columns, to = (column + 1) * n / columns;
    double sum = 0;
    for (size_t i = from; i < to; i++)
        sum += values[i];
    return sum / (double)(to - from);
}

static void put_cell(double height, size_t row, bool utf8, struct tl_buffer *out)
{
    double part = height - (double)row;
    int share = part >= 1 ? 8 : part <= 0 ? 0 : (int)(8 * part + 0.5);
    const char *cell = utf8 ? eighths[share] : share >= 4 ? "#" : " ";
    tl_buffer_append(out, cell, strlen(cell));
}

void tl_plot(const double *values, size_t n, bool utf8, const char *x_label, struct tl_buffer *out)
{
    size_t columns = n < TL_PLOT_COLUMNS ? n : TL_PLOT_COLUMNS;
    double columns_mean[TL_PLOT_COLUMNS], least = 0, most = 0;
    if (!n)
        return;
    for (size_t c = 0; c < columns; c++) {
        double value = columns_mean[c] = mean(values, n, columns, c);
        least = c == 0 || value < least ? value : least;
        most = c == 0 || value > most ? value : most;
    }
    double floor = least - 0.1 * (most - least), span = most - floor;
    for (size_t row = TL_PLOT_ROWS; row-- > 0;) {
        if (row == TL_PLOT_ROWS - 1 || row == 0)
            tl_buffer_printf(out, "%8.3f |", row ? most : least);
        else
            tl_buffer_printf(out, "         |");
        for (size_t c = 0; c < columns; c++)
            put_cell(span > 0 ? (columns_mean[c] - floor) / span * TL_PLOT_ROWS : 1, row, utf8, out);
        tl_buffer_append(out, "\n", 1);
    }
    size_t width = strlen(x_label) < columns ? columns : strlen(x_label);
    tl_buffer_printf(out, "          %*s\n", (int)width, x_label);
}
