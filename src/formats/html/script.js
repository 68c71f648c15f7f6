'use strict';
(() => {
	const root = document.documentElement, all = (what, from = document) => [...from.querySelectorAll(what)];
	const find = (id) => document.getElementById(id), body = find('rows');

	/* --- the table: filters and order --- */
	const rows = all('tr', body).map((tr) => {
		const text = (n) => tr.cells[n].textContent;
		return {tr, outcome: tr.dataset.o, kernel: text(2), topology: text(3), scheduler: text(4), words: tr.textContent.toLowerCase()};
	});
	const search = find('search'), chips = all('.chip input'), shown = find('shown');
	const selects = {kernel: find('kernel'), topology: find('topology'), scheduler: find('scheduler')};

	for (const [key, select] of Object.entries(selects))
		for (const value of [...new Set(rows.map((row) => row[key]))].sort((a, b) => a.localeCompare(b, 'en', {numeric: true})))
			select.append(new Option(value || '(none)', value));

	function filter() {
		const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
		const wanted = new Set(chips.filter((chip) => chip.checked).map((chip) => chip.value));
		const chosen = Object.entries(selects).filter(([, select]) => select.selectedIndex > 0);
		let count = 0;
		for (const row of rows) {
			const on = wanted.has(row.outcome) && words.every((word) => row.words.includes(word)) &&
				chosen.every(([key, select]) => row[key] === select.value);
			if (row.tr.hidden === on)
				row.tr.hidden = !on;
			count += on;
		}
		shown.textContent = count === rows.length ? `all ${count} results are shown` : `${count} of ${rows.length} results are shown`;
	}

	function reset() {
		search.value = '';
		for (const chip of chips)
			chip.checked = true;
		for (const select of Object.values(selects))
			select.selectedIndex = 0;
		filter();
	}

	function sort(button) {
		const th = button.closest('th'), n = th.cellIndex, down = th.getAttribute('aria-sort') === 'ascending';
		const key = (row) => {
			const cell = row.tr.cells[n], value = cell.dataset.v;
			return value === undefined ? cell.textContent : Number(value);
		};
		const order = rows.map((row) => [key(row), row.tr]);
		order.sort(([a], [b]) => (typeof a === 'number' ? a - b : a.localeCompare(b, 'en', {numeric: true})) * (down ? -1 : 1));
		for (const other of all('th[aria-sort]', th.parentNode))
			other.removeAttribute('aria-sort');
		th.setAttribute('aria-sort', down ? 'descending' : 'ascending');
		body.append(...order.map(([, tr]) => tr));
	}

	search.addEventListener('input', filter);
	for (const input of [...chips, ...Object.values(selects)])
		input.addEventListener('change', filter);
	find('reset').addEventListener('click', () => { reset(); search.focus(); });
	for (const button of all('thead button'))
		button.addEventListener('click', () => sort(button));

	/* --- pages: one at a time --- */
	const title = document.title;
	let place = 0;

	function route() {
		const id = decodeURIComponent(location.hash.slice(1)), page = /^r\d+$/.test(id) ? find(id) : null;
		for (const open of all('.page.open'))
			open.classList.remove('open');
		if (page && !root.classList.contains('detail'))
			place = scrollY;
		root.classList.toggle('detail', page !== null);
		if (!page) {
			document.title = title;
			scrollTo(0, place);
			return;
		}
		page.classList.add('open');
		const heading = page.querySelector('h2');
		document.title = heading.textContent;
		scrollTo(0, 0);
		heading.focus({preventScroll: true});
	}
	addEventListener('hashchange', route);

	for (const button of all('.copy'))
		button.addEventListener('click', async () => {
			const text = button.parentNode.querySelector('pre').textContent;
			try {
				await navigator.clipboard.writeText(text);
				button.textContent = 'Copied';
			} catch {
				getSelection().selectAllChildren(button.parentNode.querySelector('pre'));
				button.textContent = 'Selected';
			}
			setTimeout(() => { button.textContent = 'Copy'; }, 1500);
		});

	/* --- keys --- */
	function step(by) {
		const page = document.querySelector('.page.open');
		if (page) {
			const link = page.querySelector(by > 0 ? 'a[rel=next]' : 'a[rel=prev]');
			if (link)
				link.click();
			return;
		}
		const links = rows.map((row) => row.tr).filter((tr) => !tr.hidden).sort((a, b) => a.rowIndex - b.rowIndex)
			.map((tr) => tr.querySelector('a')).filter(Boolean);
		const now = links.indexOf(document.activeElement), next = links[now < 0 ? (by > 0 ? 0 : links.length - 1) : now + by];
		if (next)
			next.focus();
	}

	addEventListener('keydown', (event) => {
		if (event.ctrlKey || event.metaKey || event.altKey)
			return;
		const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) && event.target.type !== 'checkbox';
		if (event.key === 'Escape') {
			if (root.classList.contains('detail'))
				location.hash = '#tests';
			else
				reset();
			return;
		}
		if (typing)
			return;
		if (event.key === '/' && !root.classList.contains('detail')) {
			event.preventDefault();
			search.focus();
		} else if (event.key === 'j' || event.key === 'k') {
			step(event.key === 'j' ? 1 : -1);
		}
	});

	let closed = [];
	addEventListener('beforeprint', () => {
		closed = all('details:not([open])');
		for (const part of closed)
			part.open = true;
	});
	addEventListener('afterprint', () => {
		for (const part of closed)
			part.open = false;
	});

	filter();
	route();
})();
