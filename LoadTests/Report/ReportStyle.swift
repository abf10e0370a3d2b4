/// How a report looks. Two palettes of one order; hues that people who do not see red and green apart can tell.
enum ReportStyle {
  static let colours = """
    :root{color-scheme:light dark;--paper:#fcfcfb;--ink:#16181d;--muted:#5c616b;--grid:#e7e7e4;--axis:#b9bab5;
    --c0:#2a6fd1;--c1:#d9620f;--c2:#0d8a72;--c3:#8a46b8;--c4:#b8323f;--c5:#6b6f76;--good:#12764a;--bad:#b3261e;--card:#f3f3f0;--band:#0000000d}
    @media(prefers-color-scheme:dark){:root{--paper:#16181c;--ink:#ebebe8;--muted:#a0a5ae;--grid:#2b2e34;--axis:#555a63;
    --c0:#6ba6f5;--c1:#f39a52;--c2:#3fc6a6;--c3:#c193ec;--c4:#f27f86;--c5:#9a9fa8;--good:#4cc38a;--bad:#ff8a80;--card:#1f2227;--band:#ffffff12}}
    """

  static let chart = """
    svg.chart{display:block;width:100%;height:auto;font:12px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
    svg.chart text{fill:var(--ink);paint-order:stroke;stroke:var(--paper);stroke-width:3px}svg.chart .tick,svg.chart .legend{fill:var(--muted)}
    svg.chart .tick{font-size:11px;font-variant-numeric:tabular-nums}svg.chart .title{font-weight:600}
    svg.chart .note{font-size:11px;fill:var(--ink)}svg.chart .end{text-anchor:end}svg.chart .middle{text-anchor:middle}
    svg.chart path{fill:none}svg.chart .grid{stroke:var(--grid)}svg.chart .axis{stroke:var(--axis)}
    svg.chart .mark{stroke:var(--muted);stroke-dasharray:2 3}svg.chart .band{fill:var(--band);stroke:none}svg.chart .level{stroke:var(--bad);stroke-dasharray:6 4}
    svg.chart .s path{stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
    svg.chart .dashed path{stroke-dasharray:5 4}svg.chart .faint path{stroke-width:1.2;opacity:.75}
    svg.chart .s circle{fill:transparent}svg.chart .s circle:hover{fill:currentColor;r:4px}
    svg.chart .few circle{fill:currentColor;r:3px}svg.chart .few circle:hover{r:5px}
    svg.chart .dot path{stroke-width:3;opacity:.45}svg.chart .dot circle{fill:currentColor}
    .c0{color:var(--c0)}.c1{color:var(--c1)}.c2{color:var(--c2)}.c3{color:var(--c3)}.c4{color:var(--c4)}.c5{color:var(--c5)}
    svg.chart .s path{stroke:currentColor}
    """

  static let page = """
    *{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);
    font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
    main{max-width:1000px;margin:0 auto;padding:28px 20px 60px}h1{font-size:26px;line-height:1.2;margin:0 0 4px}
    h2{font-size:18px;margin:36px 0 8px}h3{font-size:14px;margin:0 0 4px}p{margin:6px 0 12px;max-width:72ch}.sub,figcaption,footer{color:var(--muted)}
    .verdict{display:inline-block;margin:10px 0 2px;padding:3px 12px;border-radius:999px;font-weight:600;
    border:1.5px solid currentColor}.good{color:var(--good)}.bad{color:var(--bad)}
    ul.failures{padding-left:20px;color:var(--bad)}figure{margin:10px 0 22px}figcaption{font-size:13px;margin-top:4px}
    .tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(130px,1fr));gap:10px;margin:16px 0}
    .tile{background:var(--card);border-radius:8px;padding:10px 14px}.tile b{display:block;font-size:20px;
    font-variant-numeric:tabular-nums}.tile span{color:var(--muted);font-size:13px}
    .scroll{overflow-x:auto;margin:0 0 18px}table{border-collapse:collapse;font-size:13.5px;font-variant-numeric:tabular-nums;min-width:60%}
    th,td{padding:5px 14px 5px 0;text-align:left;border-bottom:1px solid var(--grid);white-space:nowrap}
    th{color:var(--muted);font-weight:600;border-bottom-color:var(--axis)}.n{text-align:right}td:not(.n){white-space:normal;min-width:9em}
    .unsure{color:var(--c1)}
    footer{font-size:13px;margin-top:40px;border-top:1px solid var(--grid);padding-top:10px}
    @media print{body{background:#fff}}
    """
}
