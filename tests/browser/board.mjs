// Opens the live board of a running `hub demo` in a real Chromium and looks at it as a person would.
//
//   node board.mjs --url http://127.0.0.1:8080 --screenshots DIR [--within 120]
//
// Exit code 0 when every check held, else 1. The browser is $CHROMIUM or /usr/bin/chromium.

import { mkdir } from "node:fs/promises";
import path from "node:path";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { recordBoard } from "./record.mjs";

const WALL = { width: 1920, height: 1080 };
const PHONE = { width: 390, height: 844 };
const INCIDENT = ["ok", "excursion", "alarm_active", "restoring", "ok"];
const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const { values: options } = parseArgs({
  options: {
    url: { type: "string" },
    screenshots: { type: "string" },
    within: { type: "string", default: "120" },
  },
});
if (!options.url || !options.screenshots) {
  process.stderr.write("usage: node board.mjs --url URL --screenshots DIR [--within SECONDS]\n");
  process.exit(2);
}

const startedAt = Date.now();
const deadlineMs = Number(options.within) * 1000;
const leftMs = () => Math.max(1, startedAt + deadlineMs - Date.now());
const results = [];

/** Runs one check; a failure is noted and the next check still runs. Answers what the check found. */
async function check(name, body) {
  const begun = Date.now();
  try {
    const found = await body();
    results.push({ name, ok: true });
    say("ok  ", name, `${found ? `${found} ` : ""}(${seconds(Date.now() - begun)})`);
    return found;
  } catch (error) {
    results.push({ name, ok: false });
    say("FAIL", name, String(error instanceof Error ? error.message : error).split("\n")[0]);
    return undefined;
  }
}

const say = (verdict, name, detail) => process.stdout.write(`${verdict} ${name}${detail ? `: ${detail}` : ""}\n`);
const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;

function expect(condition, otherwise) {
  if (!condition) throw new Error(otherwise);
}

/** What the browser complains about: its console, the page's uncaught errors, and the content policy. */
function listenForComplaints(page, complaints) {
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(`uncaught: ${error.message}`));
}

async function openBoard(context, complaints) {
  const page = await context.newPage();
  listenForComplaints(page, complaints);
  await page.addInitScript(recordBoard);
  await page.goto(options.url);
  await page.waitForSelector('body[data-connection="connected"]', { timeout: leftMs() });
  return page;
}

async function showsTheFleet(page) {
  await page.waitForFunction(() => document.querySelectorAll("[data-unit-id]").length >= 24, null, { timeout: leftMs() });
  const counted = await page.evaluate(() => ({
    units: document.querySelectorAll("[data-unit-id]").length,
    sites: [...document.querySelectorAll("[data-site-id]")].filter((site) => site.querySelector("[data-unit-id]")).length,
    unread: [...document.querySelectorAll(".card-degrees")].filter((each) => each.textContent === "–").length,
  }));
  expect(counted.sites >= 3, `only ${counted.sites} sites`);
  expect(counted.unread === 0, `${counted.unread} units without a temperature`);
  return `${counted.units} units at ${counted.sites} sites`;
}

async function saysTheDemoRules(page) {
  const note = await page.locator("[data-demo-note]").innerText();
  expect(/20\s*s/.test(note), `the note says ${JSON.stringify(note)}`);
  return JSON.stringify(note);
}

/** Waits until at least five units show another text of this kind than they do now. */
async function changesLive(page, selector) {
  await page.evaluate((each) => {
    window.textsBefore = [...document.querySelectorAll(each)].map((node) => [node, node.textContent]);
  }, selector);
  const enough = () => window.textsBefore.filter(([node, before]) => node.textContent !== before).length >= 5;
  await page.waitForFunction(enough, null, { timeout: Math.min(leftMs(), 30_000) });
}

async function drawsSparklines(page) {
  const drawn = () => {
    const canvas = document.querySelector(".card-plot canvas");
    if (!canvas || canvas.width === 0) return false;
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return data.some((channel) => channel !== 0);
  };
  await page.waitForFunction(drawn, null, { timeout: Math.min(leftMs(), 15_000) });
}

/** Acknowledges a confirmed alarm by its button, and sees the row become acknowledged. */
async function acknowledgesAnAlarm(page) {
  const alarm = '[data-alert-status="active"][data-severity="critical"]';
  await page.waitForSelector(alarm, { timeout: leftMs() });
  const row = page.locator(alarm).first();
  const id = await row.getAttribute("data-alert-id");
  await page.locator(`[data-alert-id="${id}"] button`).click();
  const acknowledged = (wanted) => window.boardRecord.alerts.some((seen) => seen.id === wanted && seen.status === "acknowledged");
  await page.waitForFunction(acknowledged, id, { timeout: 10_000 });
  return id;
}

/** Waits until one unit was seen to live through a whole incident, each status following on the one before. */
async function seesAnIncident(page) {
  const wholeIncident = (wanted) => {
    const histories = Object.entries(window.boardRecord.units);
    for (const [id, history] of histories) {
      const statuses = history.map((seen) => seen.status);
      const at = statuses.findIndex((_, index) => wanted.every((status, step) => statuses[index + step] === status));
      if (at !== -1) return { id, seen: history.slice(at, at + wanted.length) };
    }
    return false;
  };
  const handle = await page.waitForFunction(wholeIncident, INCIDENT, { timeout: leftMs(), polling: 250 });
  const { id, seen } = await handle.jsonValue();
  const name = await page.locator(`[data-unit-id="${id}"] h3`).innerText();
  const story = seen.map(({ status, at }) => `${status} ${seconds(at - startedAt)}`).join(" → ");
  return `${name}: ${story}`;
}

async function switchesTheScale(page) {
  const note = page.locator('[data-status="ok"] .card-note').first();
  const limits = (text) => (text.match(/[−\d.]+(?= |$)/g) ?? []).map((each) => Number(each.replace("−", "-")));
  const unitId = await note.evaluate((node) => node.closest("[data-unit-id]").dataset.unitId);
  const steady = page.locator(`[data-unit-id="${unitId}"] .card-note`);
  const celsius = limits(await steady.innerText());
  await page.getByRole("button", { name: "°F" }).click();
  await page.waitForFunction(() => [...document.querySelectorAll(".card-scale")].every((each) => each.textContent === "°F"));
  const fahrenheit = limits(await steady.innerText());
  expect(celsius.length > 0 && celsius.length === fahrenheit.length, `limits ${celsius} became ${fahrenheit}`);
  celsius.forEach((each, index) => {
    expect(Math.abs((each * 9) / 5 + 32 - fahrenheit[index]) < 0.11, `${each} °C became ${fahrenheit[index]} °F`);
  });
  await page.reload();
  await page.waitForFunction(() => document.querySelector(".card-scale")?.textContent === "°F", null, { timeout: 10_000 });
  await page.getByRole("button", { name: "°C" }).click();
  return `${celsius.join(" and ")} °C are ${fahrenheit.join(" and ")} °F, also after a reload`;
}

/** Takes the network away and gives it back. What is not told any more must not look fine. */
async function saysWhenItIsNotLive(context, page) {
  await context.setOffline(true);
  await page.waitForSelector(".banner-connection:not([hidden])", { timeout: 10_000 });
  const banner = await page.locator(".banner-connection").innerText();
  expect(/last update .* ago|last update now/.test(banner), `the banner says ${JSON.stringify(banner)}`);
  await page.waitForFunction(() => [...document.querySelectorAll("[data-unit-id]")].every((each) => each.dataset.stale === "true"));
  const claims = await page.locator(".chip", { hasText: /^OK$/ }).count();
  expect(claims === 0, `${claims} units still say OK`);
  await context.setOffline(false);
  await page.waitForSelector('body[data-connection="connected"]', { timeout: 20_000 });
  await page.waitForFunction(() => document.querySelector('[data-stale="false"]') !== null, null, { timeout: 10_000 });
  return banner;
}

/** Sparklines are made as they come into view, so a picture of the whole page needs a walk through it first. */
async function walkThrough(page) {
  const height = await page.evaluate(() => document.documentElement.scrollHeight);
  for (let y = 0; y < height; y += 600) {
    await page.evaluate((to) => window.scrollTo(0, to), y);
    await page.waitForTimeout(150); // the browser's own observers run between frames
  }
  await page.evaluate(() => window.scrollTo(0, 0));
  const drawn = () => [...document.querySelectorAll(".card-plot")].every((plot) => plot.querySelector("canvas"));
  await page.waitForFunction(drawn, null, { timeout: 15_000 });
}

async function picture(page, name, fullPage) {
  const file = path.join(options.screenshots, name);
  await page.screenshot({ path: file, fullPage });
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  expect(overflow <= 0, `the page is ${overflow} px wider than the screen`);
  return file;
}

async function photographAnAlarm(browser, complaints) {
  const context = await browser.newContext({ viewport: PHONE, deviceScaleFactor: 2, hasTouch: true, isMobile: true });
  const page = await openBoard(context, complaints);
  await page.waitForFunction(() => document.querySelectorAll("[data-unit-id]").length >= 24, null, { timeout: 15_000 });
  await walkThrough(page);
  const file = await picture(page, "board-phone.png", true);
  await context.close();
  return file;
}

async function run(browser) {
  const complaints = [];
  const context = await browser.newContext({ viewport: WALL });
  let watched;
  await check("the board opens by itself", async () => {
    watched = await openBoard(context, complaints);
  });
  if (!watched) return;
  await check("all units of all sites are there", () => showsTheFleet(watched));
  await check("the board says the demo's rules", () => saysTheDemoRules(watched));
  await check("temperatures change live", () => changesLive(watched, ".card-degrees"));
  await check("ages tick", () => changesLive(watched, ".card-age"));
  await check("sparklines are drawn", () => drawsSparklines(watched));
  const incident = check("a unit goes through a whole incident", () => seesAnIncident(watched));
  await check("an alarm is acknowledged", () => acknowledgesAnAlarm(watched));
  await check("a picture for a wall", () => picture(watched, "board-wall.png", false));
  await check("a picture for a phone", () => photographAnAlarm(browser, complaints));
  await incident;
  await check("the scale switches and stays", () => switchesTheScale(watched));
  await check("nothing complained", async () => {
    const violations = await watched.evaluate(() => window.boardRecord.violations);
    expect(complaints.length + violations.length === 0, [...complaints, ...violations].join("; "));
  });
  await check("a board that is not told says so, and recovers", () => saysWhenItIsNotLive(context, watched));
}

await mkdir(options.screenshots, { recursive: true });
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS });
try {
  await run(browser);
} finally {
  await browser.close();
}
const failed = results.filter((result) => !result.ok).length;
process.stdout.write(`${results.length - failed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;
