// The style sheet of the console. The contrast of every text colour with its background is at least the contrast that WCAG AA
// requires, in both colour schemes.

const INDENTS = Array.from({ length: 21 }, (_, depth) => `.i${depth}{padding-left:${depth * 1.25}rem}`).join("\n");

export const STYLE = `
:root{
  --ground:#f7f8fa;--card:#ffffff;--line:#dfe3e8;--text:#1b2430;--dim:#566170;--link:#0b57b0;--focus:#0b57b0;
  --good:#17693a;--good-ground:#e3f4e9;--bad:#a81e1e;--bad-ground:#fce9e8;--warn:#7a4a00;--warn-ground:#fdf0d8;
  --busy:#0b57b0;--busy-ground:#e6f0fc;--calm:#4a5563;--calm-ground:#eceff3;
  --bar-good:#3f9d69;--bar-busy:#5b94dd;--bar-bad:#d25a53;--bar-warn:#cf9530;--bar-calm:#8a95a3;--code:#f1f3f6;--name:#7a2c8c;--string:#17693a;
  --radius:8px;--mono:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;
  color-scheme:light dark;
}
@media (prefers-color-scheme:dark){:root{
  --ground:#12161c;--card:#1a2028;--line:#303945;--text:#e4e9ef;--dim:#a0acba;--link:#84b9ff;--focus:#84b9ff;
  --good:#7fd6a2;--good-ground:#16321f;--bad:#ff9e97;--bad-ground:#43191a;--warn:#f2c069;--warn-ground:#3d2c0e;
  --busy:#90c0ff;--busy-ground:#16304f;--calm:#b4bfcc;--calm-ground:#29313c;
  --bar-good:#4fae79;--bar-busy:#5f9be6;--bar-bad:#dd6a62;--bar-warn:#d6a043;--bar-calm:#8793a2;--code:#151a21;--name:#d9a5e8;--string:#8fd9ad;
}}
*{box-sizing:border-box}[hidden]{display:none!important}
html{font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;background:var(--ground);color:var(--text)}
body{margin:0;overflow-wrap:anywhere}
a{color:var(--link);text-decoration-thickness:1px;text-underline-offset:2px}
a:focus-visible,button:focus-visible,input:focus-visible,select:focus-visible,summary:focus-visible,[tabindex]:focus-visible{outline:2px solid var(--focus);outline-offset:2px;border-radius:4px}
main:focus{outline:none}
.skip{position:absolute;left:-999px}.skip:focus{left:8px;top:8px;background:var(--card);padding:8px 12px;z-index:2}
header{display:flex;align-items:center;gap:8px 24px;flex-wrap:wrap;padding:10px 24px;background:var(--card);border-bottom:1px solid var(--line)}
.brand{font-weight:650;color:var(--text);text-decoration:none;letter-spacing:-.01em}
nav[aria-label="Pages"]{display:flex;gap:4px;flex-wrap:wrap}
nav[aria-label="Pages"] a{padding:5px 11px;border-radius:6px;color:var(--dim);text-decoration:none}
nav[aria-label="Pages"] a:hover{background:var(--calm-ground);color:var(--text)}
nav[aria-label="Pages"] a[aria-current]{background:var(--calm-ground);color:var(--text);font-weight:600}
.visitor{margin-left:auto;display:flex;gap:12px;align-items:center;color:var(--dim);font-size:.9rem}
#live{font:inherit;font-size:.85rem;padding:3px 11px 3px 9px;border-radius:99px;border:1px solid var(--line);background:transparent;color:var(--dim);cursor:pointer}
#live::before{content:"";display:inline-block;width:8px;height:8px;border-radius:50%;background:var(--dim);margin-right:7px}
#live.on{color:var(--good)}#live.on::before{background:var(--bar-good)}
main{max-width:1400px;margin:0 auto;padding:24px}
h1{font-size:1.5rem;line-height:1.25;margin:0 0 16px;font-weight:650;letter-spacing:-.015em}
h1.id{font-family:var(--mono);font-size:1.15rem;letter-spacing:0}
h2{font-size:1.05rem;margin:0 0 12px;font-weight:620}
section{background:var(--card);border:1px solid var(--line);border-radius:var(--radius);padding:18px 20px;margin:0 0 16px}
p{margin:0 0 10px}section>:last-child{margin-bottom:0}
.crumbs{margin-bottom:6px;font-size:.9rem}
.dim{color:var(--dim);font-weight:400}
.mono,.code,.command,code,.method{font-family:var(--mono);font-size:.86rem}
.empty{color:var(--dim);padding:14px 0;margin:0}
.number{text-align:right;font-variant-numeric:tabular-nums}
.label{display:none}
.tag{display:inline-block;font-size:.8rem;padding:0 7px;border-radius:4px;background:var(--warn-ground);color:var(--warn);white-space:nowrap}
.badge{display:inline-flex;align-items:center;gap:6px;font-size:.85rem;font-weight:550;padding:1px 9px 1px 8px;border-radius:99px;white-space:nowrap}
.badge::before{content:"";width:7px;height:7px;border-radius:50%;background:currentColor}
.badge.good,.notice.good{background:var(--good-ground);color:var(--good)}
.badge.bad,.notice.bad{background:var(--bad-ground);color:var(--bad)}
.badge.warn,.notice.warn{background:var(--warn-ground);color:var(--warn)}
.badge.busy{background:var(--busy-ground);color:var(--busy)}
.badge.calm,.notice.calm{background:var(--calm-ground);color:var(--calm)}
.notice{padding:10px 14px;border-radius:6px;margin:0 0 14px}.notice ul{margin:0;padding-left:18px}.notice a{color:inherit}
.unseen{font-family:var(--mono);font-size:.85em;background:var(--warn-ground);color:var(--warn);border-radius:3px;padding:0 2px}
.scroll{overflow-x:auto;margin-bottom:12px}.checks th:first-child{width:14rem}
table{border-collapse:collapse;width:100%}
th{text-align:left;font-weight:600;vertical-align:top}
thead th{font-size:.82rem;color:var(--dim);font-weight:550;white-space:nowrap}
th.number{text-align:right}
td,th{padding:8px 14px 8px 0;border-bottom:1px solid var(--line);vertical-align:top}
td:last-child,th:last-child{padding-right:0}
tbody tr:last-child>*{border-bottom:0}
tbody th{font-weight:500}
time,.time{white-space:nowrap;font-variant-numeric:tabular-nums}
.events td.id a{font-family:var(--mono);font-size:.86rem}.events .sender,.events .id,.events .size{white-space:nowrap}.events .request{min-width:12rem}
.reason{font-size:.88rem}
@keyframes arrive{from{background:var(--busy-ground)}}
tr.new{animation:arrive 2.5s ease-out}
@media (prefers-reduced-motion:reduce){tr.new{animation:none}}
.filters{display:flex;flex-wrap:wrap;gap:10px 14px;align-items:end;margin:0 0 16px}
.filters label,form label{display:flex;flex-direction:column;gap:3px;font-size:.85rem;color:var(--dim)}
form:not(.filters) label{margin-bottom:12px}
.filters label.wide{flex:1 1 14rem}
.filters label.check{flex-direction:row;align-items:center;gap:8px;padding:8px 0}
.filters details{flex:1 1 100%;order:2}.filters details[open]{padding-bottom:4px}
.more{display:flex;flex-wrap:wrap;gap:10px 14px;align-items:end;padding-top:8px}
summary{cursor:pointer;color:var(--link);width:fit-content}
input,select,textarea{font:inherit;color:var(--text);background:var(--card);border:1px solid #7d8896;border-radius:6px;padding:6px 10px;min-height:36px;max-width:100%}
input[type=checkbox]{min-height:0;width:16px;height:16px}
textarea{font-family:var(--mono);font-size:.86rem;width:100%;min-height:9rem}
.buttons{display:inline-flex;flex-wrap:wrap;gap:8px 12px;align-items:center}
button,.button{font:inherit;font-weight:550;color:var(--text);background:var(--card);border:1px solid #7d8896;border-radius:6px;padding:6px 14px;min-height:36px;cursor:pointer;text-decoration:none;display:inline-flex;align-items:center}
button:hover,.button:hover{background:var(--calm-ground)}
button.primary{background:#0b57b0;border-color:#0b57b0;color:#fff}button.primary:hover{background:#094a97}
button.danger{background:#a81e1e;border-color:#a81e1e;color:#fff}button.danger:hover{background:#8e1818}
.pager{display:flex;gap:20px;padding-top:14px}
.headline{display:flex;flex-wrap:wrap;gap:10px 18px;align-items:center;margin-bottom:14px}.headline h2{margin:0}
.facts{display:grid;gap:7px 18px;margin:0 0 10px}
.facts>div{display:grid;grid-template-columns:11rem minmax(0,1fr);gap:14px}
.facts dt{color:var(--dim)}.facts dd{margin:0}
.fold{display:inline-block;max-width:100%;vertical-align:top}.fold>summary{display:inline;list-style-position:inside}
.rows{list-style:none;margin:0 0 10px;padding:0}.rows li{padding:8px 0;border-bottom:1px solid var(--line)}.rows li:last-child{border-bottom:0}
.question{font-size:1.05rem}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:14px;margin:0 0 16px}
.tile{background:var(--card);border:1px solid var(--line);border-radius:var(--radius);padding:14px 18px;text-decoration:none;color:inherit;display:flex;flex-direction:column}
a.tile:hover{border-color:var(--link)}
.tile .name{color:var(--dim);font-size:.88rem}.tile .value{font-size:1.5rem;font-weight:620;font-variant-numeric:tabular-nums;letter-spacing:-.01em}
.tile.bad .value{color:var(--bad)}
.chart{margin:0 0 18px}.chart figcaption{margin-bottom:8px}
.chart svg{width:100%;display:block}.chart:not(.timeline) svg{height:158px}
.chart .axis{stroke:var(--line)}
rect.good,.key.good{fill:var(--bar-good);background:var(--bar-good)}rect.busy,.key.busy{fill:var(--bar-busy);background:var(--bar-busy)}
rect.bad,.key.bad{fill:var(--bar-bad);background:var(--bar-bad)}rect.warn,.key.warn{fill:var(--bar-warn);background:var(--bar-warn)}
rect.calm,.key.calm{fill:var(--bar-calm);background:var(--bar-calm)}
rect.valid,.key.valid{fill:var(--line);background:var(--line)}rect.seen,.key.seen{fill:var(--bar-busy);background:var(--bar-busy)}
line.now{stroke:var(--bar-bad);stroke-width:2}.key.now{background:var(--bar-bad)}
.hours{display:flex;margin-top:-14px;font-size:.78rem;color:var(--dim);font-variant-numeric:tabular-nums}.hours span{flex:1 1 0;white-space:nowrap;overflow:visible;width:0}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:4px 18px;margin:10px 0;padding:0;font-size:.88rem}
.key{display:inline-block;width:11px;height:11px;border-radius:3px;margin-right:6px}
.path{list-style:none;display:flex;flex-wrap:wrap;gap:10px 0;padding:0;margin:0 0 16px}
.path li{display:flex;align-items:center;max-width:100%}
.path li+li::before{content:"";width:28px;height:2px;background:var(--dim);flex:none}
.box{border:1px solid var(--line);border-radius:var(--radius);padding:10px 14px;display:flex;flex-direction:column;gap:2px;align-items:flex-start;min-width:11rem}
.box.anchor{border:2px solid var(--bar-good)}
.box .role{font-size:.8rem;color:var(--dim)}
.tabs{display:flex;flex-wrap:wrap;gap:4px;margin-bottom:10px}
.tabs a{padding:4px 12px;border-radius:6px;text-decoration:none;border:1px solid var(--line)}
.tabs a[aria-current]{background:var(--calm-ground);color:var(--text);font-weight:600}
.code{background:var(--code);border:1px solid var(--line);border-radius:6px;padding:12px 14px;max-height:36rem;overflow:auto;white-space:pre-wrap}
.code .line{min-height:1.4em}.code .hex{white-space:pre}
.code .name{color:var(--name)}.code .text{color:var(--string)}.code .mark{color:var(--dim)}
.command{background:var(--code);border:1px solid var(--line);border-radius:6px;padding:10px 14px;margin:0 0 10px;overflow-x:auto;white-space:pre-wrap;user-select:all}
.bulk{border-style:dashed}
${INDENTS}
@media (max-width:720px){
  header{padding:10px 16px}.visitor{margin-left:0;width:100%;justify-content:space-between}main{padding:16px}section{padding:14px}
  .facts>div{grid-template-columns:1fr;gap:0}
  .path{flex-direction:column}.path li{flex-direction:column;align-items:stretch}.path li+li::before{width:2px;height:16px;margin-left:24px}
  .events,.events tbody,.events tr,.events td{display:block}
  .events thead{position:absolute;left:-999px}
  .events tr{padding:12px 0;border-bottom:1px solid var(--line);display:flex;flex-wrap:wrap;justify-content:space-between;gap:3px 12px}
  .events tr:last-child{border-bottom:0}
  .events td{padding:0;border:0;min-width:0}
  .events td.id,.events td.why,.events td.request,.events td.sender{flex:1 1 100%}
  .events td.state{order:-2}.events td.time{order:-1;text-align:right;color:var(--dim)}
  .events td.number{color:var(--dim);font-size:.88rem;text-align:left}.events .attempts{text-align:right}.label{display:inline}
  .filters label{flex:1 1 40%}.filters label.wide{flex:1 1 100%}
  .scroll table:not(.events):not(.checks):not(.members) :is(td,th){min-width:8.5rem}
  .checks,.checks tbody,.checks tr,.checks td,.checks th{display:block}.checks thead{position:absolute;left:-999px}
  .checks tr{padding:10px 0;border-bottom:1px solid var(--line)}.checks td,.checks tbody th{padding:1px 0;border:0;width:auto}.checks tr:last-child{border-bottom:0}
  .events .sender,.events .id{white-space:normal}
}
@media print{header,.filters,.bulk,.pager{display:none}section{border:0;padding:0}}
`;
