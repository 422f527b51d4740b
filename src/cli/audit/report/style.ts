/** The page's only style sheet. Its hash stands in the page's content security policy. */
export const style = `
:root {
  color-scheme: light dark;
  --back: #fff; --text: #1a1f27; --soft: #5a6472; --line: #d8dde4; --panel: #f5f7f9;
  --ok: #2f7d4f; --failed: #c2571a; --unknown: #8a3fa0; --not-sent: #7a8594; --refused: #b3261e;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #14181d; --text: #e6eaef; --soft: #9aa5b3; --line: #333b45; --panel: #1c2229;
    --ok: #5fbf86; --failed: #f0935a; --unknown: #c78add; --not-sent: #8f9bab; --refused: #f2766d;
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 1.5rem 1rem 4rem; background: var(--back); color: var(--text);
  font: 0.95rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; line-height: 1.2; margin: 0 0 0.25rem; }
h2 { font-size: 1.1rem; margin: 2.5rem 0 0.5rem; }
p { margin: 0 0 0.75rem; max-width: 46rem; }
code, td.id { font-family: ui-monospace, monospace; font-size: 0.85em; overflow-wrap: anywhere; }
.soft { color: var(--soft); }
.verdict { border: 1px solid var(--line); border-left: 0.4rem solid var(--soft); background: var(--panel); padding: 0.75rem 1rem; margin: 1rem 0; }
.verdict strong { font-size: 1.05rem; }
.verdict.ok { border-left-color: var(--ok); }
.verdict.tampered { border-left-color: var(--refused); }
.verdict.incomplete { border-left-color: var(--failed); }
.verdict p:last-child { margin: 0; }
dl.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: 0.75rem; margin: 1rem 0; }
dl.figures div { border: 1px solid var(--line); padding: 0.5rem 0.75rem; }
dt { color: var(--soft); font-size: 0.85rem; }
dd { margin: 0; font-size: 1.3rem; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; border: 1px solid var(--line); }
.scroll:focus-visible { outline: 2px solid var(--text); outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; font-size: 0.88rem; }
th, td { text-align: left; padding: 0.35rem 0.75rem; border-top: 1px solid var(--line); vertical-align: top; }
thead th { background: var(--panel); border-top: 0; white-space: nowrap; }
tbody th { font-weight: 500; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.zero { color: var(--soft); }
.text { max-width: 26rem; overflow-wrap: break-word; }
.time { white-space: nowrap; font-variant-numeric: tabular-nums; }
tfoot td, tfoot th { color: var(--soft); font-weight: 400; font-style: italic; }
figure { margin: 0; border: 1px solid var(--line); padding: 0.75rem 1rem; }
figcaption { color: var(--soft); font-size: 0.88rem; margin-bottom: 0.5rem; }
svg { display: block; width: 100%; height: 11rem; }
rect.back { fill: transparent; }
rect.ok { fill: var(--ok); } rect.failed { fill: var(--failed); } rect.unknown { fill: var(--unknown); }
rect.not-sent { fill: var(--not-sent); } rect.refused { fill: var(--refused); }
line { stroke: var(--line); vector-effect: non-scaling-stroke; }
.axis { display: flex; justify-content: space-between; gap: 1rem; color: var(--soft); font-size: 0.8rem; border-top: 1px solid var(--line); padding-top: 0.25rem; }
ul.legend { display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; list-style: none; margin: 0 0 0.75rem; padding: 0; font-size: 0.88rem; }
.legend svg { display: inline-block; width: 0.8rem; height: 0.8rem; margin-right: 0.4rem; vertical-align: -0.05rem; }
details { margin-top: 0.75rem; }
summary { cursor: pointer; color: var(--soft); }
details > * + * { margin-top: 0.5rem; }
details .scroll { max-height: 30rem; overflow-y: auto; }
@media (max-width: 40rem) { th, td { padding: 0.35rem 0.5rem; } }
@media print { .scroll { overflow: visible; } body { max-width: none; } }
`;
