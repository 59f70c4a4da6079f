/* SPDX-License-Identifier: MIT */
/* Bars of energy, drawn by hand: one a day, a model or a command; the metered part of each is darker. Colours stand on light
 * and dark grounds. */
#include <math.h>

#include "cli/ledger_view.h"

enum { WIDTH = 760, ROW = 22, TOP = 52, LEFT = 190, RIGHT = 230, MOST = 60 };

/* Into text of XML. */
static void put_text(struct tl_buffer *out, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '<': tl_buffer_printf(out, "&lt;"); break;
        case '>': tl_buffer_printf(out, "&gt;"); break;
        case '&': tl_buffer_printf(out, "&amp;"); break;
        case '"': tl_buffer_printf(out, "&quot;"); break;
        default: tl_buffer_append(out, text, 1);
        }
}

static double energy(const struct tl_ledger_entry *e) { return e->figure[TL_FIGURE_JOULES] / 3600; }

static void draw_bar(const struct tl_ledger_entry *e, int row, double most, struct tl_buffer *out)
{
    double scale = most > 0 ? (WIDTH - LEFT - RIGHT) / most : 0, metered = e->figure[TL_FIGURE_MEASURED] / 3600;
    int y = TOP + ROW * row;
    tl_buffer_printf(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">", LEFT - 8, y + 13);
    put_text(out, e->label);
    tl_buffer_printf(out, "</text>\n<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" class=\"all\"/>\n", LEFT, y, energy(e) * scale, ROW - 6);
    if (metered > 0)
        tl_buffer_printf(out, "<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" class=\"metered\"/>\n", LEFT, y, metered * scale, ROW - 6);
    tl_buffer_printf(out, "<text x=\"%.1f\" y=\"%d\">%.3g Wh, money %.3g, %.0f tokens</text>\n", LEFT + energy(e) * scale + 8, y + 13, energy(e),
                     e->figure[TL_FIGURE_MONEY], e->figure[TL_FIGURE_TOKENS]);
}

void tl_ledger_view_svg(const struct tl_ledger_view *view, struct tl_buffer *out)
{
    static const struct tl_ledger_group none = {.name = "day"};
    const struct tl_ledger_group *group = view->n_groups ? &view->groups[0] : &none;
    uint64_t from = group->n > MOST ? group->n - MOST : 0;
    double most = 0;
    for (uint64_t i = from; i < group->n; i++)
        most = fmax(most, energy(&group->entries[i]));
    tl_buffer_printf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"12\">\n", WIDTH,
                     TOP + ROW * (int)(group->n - from) + 16);
    tl_buffer_printf(out, "<style>text{fill:#777}.all{fill:#2e86ab88}.metered{fill:#2e86ab}</style>\n");
    tl_buffer_printf(out, "<text x=\"16\" y=\"24\" font-size=\"14\">energy by %s: %.0f runs, %.3g Wh, money %.3g, %.3g g CO2e</text>\n", group->name,
                     view->totals.figure[TL_FIGURE_RUNS], energy(&view->totals), view->totals.figure[TL_FIGURE_MONEY], view->totals.figure[TL_FIGURE_CARBON]);
    for (uint64_t i = from; i < group->n; i++)
        draw_bar(&group->entries[i], (int)(i - from), most, out);
    tl_buffer_printf(out, "</svg>\n");
}
