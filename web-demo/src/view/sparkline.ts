import uPlot from "uplot";
import type { Series } from "../state/series.ts";

/** The limits that a sparkline shades, in degrees Celsius. */
export interface Band {
  low: number | null;
  high: number | null;
}

const COLOURS = {
  line: "#a9c7ee",
  outside: "rgba(255, 99, 99, 0.16)",
  limit: "rgba(255, 138, 128, 0.75)",
  dot: "#ffffff",
};

/** The course of one unit's temperature, with what lies outside its limits shaded. */
export class Sparkline {
  readonly root: HTMLElement;
  readonly #series: Series;
  #band: Band = { low: null, high: null };
  #plot: uPlot | undefined;

  constructor(root: HTMLElement, series: Series) {
    this.root = root;
    this.#series = series;
  }

  setBand(band: Band): void {
    this.#band = band;
  }

  /** Draws what is known now; makes the canvas on the first call, so cards never seen cost none. */
  draw(): void {
    const points = this.#series.points;
    const data: uPlot.AlignedData = [points.map((point) => point.at), points.map((point) => point.celsius)];
    if (this.#plot) {
      this.#plot.setData(data);
      return;
    }
    const { clientWidth: width, clientHeight: height } = this.root;
    if (width === 0 || height === 0) return;
    this.#plot = new uPlot(this.#plotOptions(width, height), data, this.root);
  }

  resize(): void {
    const { clientWidth: width, clientHeight: height } = this.root;
    if (width > 0 && height > 0) this.#plot?.setSize({ width, height });
  }

  destroy(): void {
    this.#plot?.destroy();
    this.#plot = undefined;
  }

  #plotOptions(width: number, height: number): uPlot.Options {
    return {
      width,
      height,
      padding: [3, 5, 3, 0],
      cursor: { show: false },
      legend: { show: false },
      axes: [{ show: false }, { show: false }],
      scales: { y: { range: (_plot, min, max) => this.#range(min, max) } },
      series: [{}, { stroke: COLOURS.line, width: 1.75, points: { show: false } }],
      hooks: { drawClear: [(plot) => this.#drawBand(plot)], draw: [(plot) => this.#drawNewest(plot)] },
    };
  }

  /** Both limits are always in view, so that the distance to them can be read off. */
  #range(min: number | null, max: number | null): [number, number] {
    const values = [min, max, this.#band.low, this.#band.high].filter((value) => value !== null);
    if (values.length === 0) return [0, 1];
    const low = Math.min(...values);
    const high = Math.max(...values);
    const margin = Math.max((high - low) * 0.18, 0.4);
    return [low - margin, high + margin];
  }

  #drawBand(plot: uPlot): void {
    const { left, top, width, height } = plot.bbox;
    const { low, high } = this.#band;
    if (high !== null) {
      const edge = clamp(plot.valToPos(high, "y", true), top, top + height);
      fillOutside(plot.ctx, left, top, width, edge - top);
      drawLimit(plot.ctx, left, edge, width);
    }
    if (low !== null) {
      const edge = clamp(plot.valToPos(low, "y", true), top, top + height);
      fillOutside(plot.ctx, left, edge, width, top + height - edge);
      drawLimit(plot.ctx, left, edge, width);
    }
  }

  #drawNewest(plot: uPlot): void {
    const newest = this.#series.points.at(-1);
    if (!newest) return;
    const { ctx } = plot;
    ctx.save();
    ctx.fillStyle = COLOURS.dot;
    ctx.beginPath();
    const radius = 2.4 * devicePixelRatio;
    ctx.arc(plot.valToPos(newest.at, "x", true), plot.valToPos(newest.celsius, "y", true), radius, 0, 2 * Math.PI);
    ctx.fill();
    ctx.restore();
  }
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}

function fillOutside(ctx: CanvasRenderingContext2D, x: number, y: number, width: number, height: number): void {
  ctx.save();
  ctx.fillStyle = COLOURS.outside;
  ctx.fillRect(x, y, width, height);
  ctx.restore();
}

function drawLimit(ctx: CanvasRenderingContext2D, x: number, y: number, width: number): void {
  ctx.save();
  ctx.strokeStyle = COLOURS.limit;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(x, y);
  ctx.lineTo(x + width, y);
  ctx.stroke();
  ctx.restore();
}
