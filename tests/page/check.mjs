// Opens a report in headless Chromium, as wide as a phone and as a desk: nothing may fail to load, be asked for from
// elsewhere, or stick out to the side; every drawing has a size.
import { chromium } from "playwright-core";
import { pathToFileURL } from "node:url";

const file = process.argv[2];
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
let failed = 0;
for (const [width, height] of [[390, 844], [1280, 900]]) {
  const page = await browser.newPage({ viewport: { width, height } });
  const faults = [];
  page.on("console", (message) => message.type() === "error" && faults.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => faults.push(`error: ${error}`));
  page.on("request", (request) => request.url().startsWith("file:") || faults.push(`asks for ${request.url()}`));
  await page.goto(pathToFileURL(file).href);
  const seen = await page.evaluate(() => ({
    over: document.documentElement.scrollWidth - window.innerWidth,
    drawings: [...document.querySelectorAll("svg[role=img]")].map((svg) => {
      const { width, height } = svg.getBoundingClientRect();
      return { name: svg.getAttribute("aria-label"), width, height, marks: svg.querySelectorAll("rect,path").length };
    }),
    smallest: Math.min(...[...document.querySelectorAll("p,td,th,span")].map((e) => parseFloat(getComputedStyle(e).fontSize))),
  }));
  if (seen.over > 0) faults.push(`the page is ${seen.over} px wider than the screen`);
  if (seen.drawings.length < 3) faults.push(`${seen.drawings.length} drawings`);
  for (const d of seen.drawings) if (d.width < 100 || d.height < 60 || d.marks < 1) faults.push(`empty drawing: ${JSON.stringify(d)}`);
  if (seen.smallest < 12) faults.push(`text of ${seen.smallest} px`);
  console.log(`${width} px: ${seen.drawings.length} drawings, ${faults.length} faults`, faults.join("; "));
  failed += faults.length;
  await page.close();
}
await browser.close();
process.exit(failed ? 1 : 0);
