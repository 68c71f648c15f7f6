#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The HTML report in a real browser: no error, filters and pages by keyboard, hostile texts that do no harm, size and
speed, and its text without scripts. KTSTR_TEST_SHOTS names a directory for screenshots."""
import os
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
import chromium  # noqa: E402
import made_results  # noqa: E402
from tap import Run, check, finish, skip  # noqa: E402

SHOWN = "[...document.querySelectorAll('#rows tr')].filter((row) => !row.hidden).length"
SHOTS = os.environ.get('KTSTR_TEST_SHOTS')
# Bytes, and seconds of CPU time.
SIZE_1000, OPEN_1000, FILTER_1000 = 5000000, 1.5, .5


def write(directory, name):
    path = os.path.join(directory, name + '.html')
    run = Run('report', name, '--to', f'html={path}', cwd=directory)
    check(run.status == 0, f'{name}: the report is written', run)
    return path


def shot(page, name, settle=True):
    if SHOTS:
        if settle:
            page.settle()
        page.screenshot(os.path.join(SHOTS, name + '.png'))


def focused(page):
    return page.js("document.activeElement.id || document.activeElement.textContent")


def keyboard(page, counts):
    page.key('/')
    page.settle()
    check(focused(page) == 'search', "'/' goes to the search", focused(page))
    page.type('herd fail')
    page.settle()
    some = page.js(SHOWN)
    check(0 < some < 1000 and f'{some} of 1000' in page.js("document.getElementById('shown').textContent"), 'typing filters and says how many are left', some)
    shot(page, 'search')
    page.key('Escape')
    page.settle()
    check(page.js(SHOWN) == 1000, 'Escape shows all again', page.js(SHOWN))
    page.js("document.querySelector('.chip input[value=pass]').focus()")
    page.key(' ')
    page.settle()
    check(page.js(SHOWN) == 1000 - counts['pass'], 'a check box hides an outcome', page.js(SHOWN))
    page.js("document.getElementById('kernel').focus()")
    page.key('ArrowDown')
    page.settle()
    chosen = page.js("document.getElementById('kernel').value")
    kernels = page.js("[...new Set([...document.querySelectorAll('#rows tr')].filter((row) => !row.hidden).map((row) => row.cells[2].textContent))].join()")
    check(chosen == kernels == '6.12.117', 'a list chooses a kernel', (chosen, kernels))
    page.js('document.activeElement.blur()')
    page.key('Escape')
    page.js("document.querySelectorAll('thead button')[document.querySelectorAll('thead button').length - 4].focus()")
    page.key('Enter')
    page.settle()
    times = page.js("[...document.querySelectorAll('#rows tr')].map((row) => Number(row.cells[5].dataset.v))")
    check(times == sorted(times) and page.js("document.querySelector('th[aria-sort]').getAttribute('aria-sort')") == 'ascending', 'a heading sorts', times[:5])
    page.key('Enter')
    page.settle()
    times = page.js("[...document.querySelectorAll('#rows tr')].map((row) => Number(row.cells[5].dataset.v))")
    check(times == sorted(times, reverse=True), 'and sorts downwards at the second time', times[:5])


def pages(page):
    page.js("document.activeElement.blur(); document.querySelectorAll('thead button')[0].click()")
    page.key('j')
    page.settle()
    first = focused(page)
    page.key('j')
    page.settle()
    check(first.startswith('gauntlet/') and focused(page) != first, "'j' goes from result to result", (first, focused(page)))
    page.key('k')
    page.key('Enter')
    page.settle()
    heading = page.js("document.querySelector('.page.open h2').textContent")
    seen = page.js("[document.querySelectorAll('.page.open').length, getComputedStyle(document.getElementById('overview')).display].join()")
    check(heading == first and seen == '1,none' and focused(page).startswith('h'), 'Enter opens the page of a result, which gets the focus', (heading, first, seen))
    parts = page.js("['.lead', 'svg', '.replay pre', 'ol.findings', 'table', 'details'].filter((what) => !document.querySelector('.page.open ' + what)).join()")
    check(parts == '', 'it has cause, charts, replay line, findings, numbers and logs', parts)
    shot(page, 'page')
    page.key('j')
    page.settle()
    check(page.js("document.querySelector('.page.open h2').textContent") != heading, "'j' goes to the next page")
    page.key('Escape')
    page.settle()
    check(page.js("document.querySelectorAll('.page.open').length") == 0 and page.js(SHOWN) == 1000, 'Escape goes back to the table')


def accessibility(page):
    nameless = page.js("[...document.querySelectorAll('input, select, button, svg, table, article, section[aria-labelledby]')].filter((e) => {"
                       "const by = e.getAttribute('aria-labelledby');"
                       "return !(e.labels && e.labels.length) && !e.textContent.trim() && !e.getAttribute('aria-label') && !(by && document.getElementById(by));"
                       "}).map((e) => e.outerHTML.slice(0, 80)).join()")
    check(nameless == '', 'every control, chart and part has a name', nameless)
    check(page.js("document.documentElement.lang") == 'en' and page.js("document.querySelectorAll('h1').length") == 1 and
          page.js("[...document.querySelectorAll('th')].every((th) => th.scope)"), 'language, one first heading, headers with a scope')
    for scheme in ('light', 'dark'):
        page.emulate(scheme)
        page.settle()
        low = page.js('''(() => {
            const light = (c) => { const v = c.match(/[\\d.]+/g).slice(0, 3).map((n) => n / 255).map((n) => n <= .03928 ? n / 12.92 : ((n + .055) / 1.055) ** 2.4);
                return .2126 * v[0] + .7152 * v[1] + .0722 * v[2]; };
            const behind = (e) => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (/^rgb\\(/.test(c)) return c; } return 'rgb(255,255,255)'; };
            const wrong = [];
            for (const e of document.querySelectorAll('h1, h2, .meta, .verdict, .n, .cause, a, th, .keys, .chip, .shown')) {
                if (!e.offsetParent) continue;
                const [a, b] = [light(getComputedStyle(e).color), light(behind(e))].sort((x, y) => y - x);
                if ((a + .05) / (b + .05) < 4.5) wrong.push(e.outerHTML.slice(0, 60) + ' ' + ((a + .05) / (b + .05)).toFixed(2));
            }
            return [...new Set(wrong)].slice(0, 5).join('; '); })()''')
        check(low == '', f'{scheme}: text has a contrast of 4.5 or more', low)
        shot(page, scheme)
    page.emulate('light')


def thousand(page, directory):
    counts = made_results.make(os.path.join(directory, 'thousand'), 1000)
    path = write(directory, 'thousand')
    size = os.path.getsize(path)
    check(size < SIZE_1000, 'HTML of 1,000 results is below 5 MB', size)
    before = page.cpu_seconds()
    seconds = page.open(path)
    opened = page.cpu_seconds()
    page.js("document.getElementById('search').value = 'numa'; document.getElementById('search').dispatchEvent(new Event('input')); document.body.offsetHeight")
    filtered = page.cpu_seconds()
    page.js("document.getElementById('search').value = ''; document.getElementById('search').dispatchEvent(new Event('input'))")
    print(f'# 1,000 results: {size} bytes; CPU time to open {opened - before:.2f} s ({seconds:.2f} s by the clock), to filter {filtered - opened:.3f} s')
    check(opened - before < OPEN_1000 and filtered - opened < FILTER_1000, 'it opens and filters at once', (opened - before, filtered - opened))
    shot(page, 'overview')
    accessibility(page)
    keyboard(page, counts)
    pages(page)
    check(not page.errors and all(url.startswith('file://') for url in page.requests) and len(page.requests) == 1, 'no error, and nothing is loaded',
          page.errors + page.requests)


def all_failed(directory):
    made_results.make(os.path.join(directory, 'failed'), 1000, bad_share=1)
    size = os.path.getsize(write(directory, 'failed'))
    check(size < SIZE_1000, 'also if all of them failed', size)


def hostile(page, directory):
    made_results.make_hostile(os.path.join(directory, 'hostile'))
    page.errors.clear()
    page.open(write(directory, 'hostile'))
    page.js("for (const link of document.querySelectorAll('#rows a')) { location.hash = link.hash; }")
    page.settle()
    for kind in ('details', '.copy'):
        page.js(f"for (const e of document.querySelectorAll('{kind}')) {{ e.open = true; e.dispatchEvent(new MouseEvent('mouseover')); }}")
    page.settle()
    check(page.js('typeof window.pwned') == 'undefined' and not page.errors, 'hostile texts run nothing and break nothing', page.errors)
    wide = page.js("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    check(wide <= 0, 'names of 1 MB do not widen the page', wide)
    shot(page, 'hostile')


def without_scripts(page, directory):
    page.scripts(False)
    page.open(os.path.join(directory, 'thousand.html'))
    shown = page.js("[document.querySelectorAll('#rows tr').length, [...document.querySelectorAll('.page')].every((p) => p.offsetHeight > 0),"
                    "getComputedStyle(document.querySelector('.filters')).display].join()")
    check(shown == '1000,true,none', 'without scripts all text is shown, and no filter that does nothing', shown)
    shot(page, 'without-scripts', settle=False)
    page.scripts(True)


def on_paper(page, directory):
    page.open(os.path.join(directory, 'thousand.html'))
    page.emulate(media='print')
    seen = page.js("[getComputedStyle(document.querySelector('.filters')).display, getComputedStyle(document.querySelector('.page')).display].join()")
    check(seen == 'none,block', 'on paper there are pages and no filters', seen)
    page.emulate()


def narrow(page, directory):
    page.call('Emulation.setDeviceMetricsOverride', width=390, height=800, deviceScaleFactor=1, mobile=True)
    page.open(os.path.join(directory, 'thousand.html'))
    wide = page.js("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    check(wide <= 0, 'a telephone shows it without scrolling sideways', wide)
    shot(page, 'narrow')


def main(directory):
    if not chromium.find():
        skip('the HTML report in a browser', 'no Chromium (Debian: chromium)')
        return
    with chromium.Page() as page:
        thousand(page, directory)
        all_failed(directory)
        hostile(page, directory)
        without_scripts(page, directory)
        on_paper(page, directory)
        narrow(page, directory)


with tempfile.TemporaryDirectory(prefix='ktstr-browser-') as scratch:
    main(scratch)
finish()
