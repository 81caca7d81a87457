const SVG = "http://www.w3.org/2000/svg";

/** An outline or filled shape, and the strokes upon it. Each status has a shape of its own, not only a colour. */
interface Icon {
  shape: string;
  strokes: string;
}

const CIRCLE = "M10 1.5a8.5 8.5 0 1 0 0 17a8.5 8.5 0 1 0 0-17z";
const OCTAGON = "M6.5 1h7L19 6.5v7L13.5 19h-7L1 13.5v-7z";
const TRIANGLE = "M10 1.5L19.3 18H.7z";
const DIAMOND = "M10 .7L19.3 10L10 19.3L.7 10z";
const SQUARE = "M3.5 1.5h13a2 2 0 0 1 2 2v13a2 2 0 0 1-2 2h-13a2 2 0 0 1-2-2v-13a2 2 0 0 1 2-2z";
const PENTAGON = "M10 1l9.2 6.7l-3.5 10.8H4.3L.8 7.7z";

const ICONS: Record<string, Icon> = {
  ok: { shape: CIRCLE, strokes: "M6 10.2l2.9 2.9L14.2 7.4" },
  alarm_active: { shape: OCTAGON, strokes: "M10 5v6M10 14.4v.2" },
  excursion: { shape: TRIANGLE, strokes: "M10 7.5v5M10 15.3v.2" },
  restoring: { shape: DIAMOND, strokes: "M10 5.8v8M6.8 10.8L10 14l3.2-3.2" },
  monitoring_interrupted: { shape: SQUARE, strokes: "M6.2 6.2l7.6 7.6M13.8 6.2l-7.6 7.6" },
  manual_required: { shape: PENTAGON, strokes: "M7 9h6M7 12.5h6" },
  late: { shape: CIRCLE, strokes: "M10 5.5V10l3 2.5" },
};

const UNKNOWN: Icon = { shape: SQUARE, strokes: "M7.5 7.5a2.5 2.5 0 1 1 2.5 3.5M10 14.3v.2" };

function path(d: string, className: string): SVGPathElement {
  const made = document.createElementNS(SVG, "path");
  made.setAttribute("d", d);
  made.setAttribute("class", className);
  return made;
}

/** The icon of a status. It is decoration: the word stands beside it. */
export function statusIcon(status: string): SVGSVGElement {
  const icon = ICONS[status] ?? UNKNOWN;
  const made = document.createElementNS(SVG, "svg");
  made.setAttribute("viewBox", "0 0 20 20");
  made.setAttribute("aria-hidden", "true");
  made.setAttribute("class", "icon");
  made.append(path(icon.shape, "icon-shape"), path(icon.strokes, "icon-strokes"));
  return made;
}
