// Uses the built page as a user does, in a browser without a network, and writes down what it saw.
//
//     node test/drive.mjs PHOTOS OUT     photos by name; out get seen.json, face.glb and screenshots
//
// CHROMIUM names the browser.

import { readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { serve } from "../serve.mjs";

const [photos, out] = process.argv.slice(2);
const here = dirname(fileURLToPath(import.meta.url));
const server = await serve(join(here, "..", "dist"), 0);
const origin = `http://127.0.0.1:${server.address().port}`;
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--enable-unsafe-swiftshader", "--disable-quic",
    "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const seen = { elsewhere: [], errors: [], photos: {} };
try {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  await page.route("**", (route) => {
    if (route.request().url().startsWith(origin)) return route.continue();
    seen.elsewhere.push(route.request().url());
    return route.abort();
  });
  page.on("pageerror", (error) => seen.errors.push(String(error)));
  page.on("console", (line) => {
    if (/Content Security Policy|INVALID_/.test(line.text())) seen.errors.push(line.text());
  });

  let count = 0;
  const found = () => page.waitForSelector(`body[data-found="${++count}"]`, { timeout: 60_000 });
  const looked = () =>
    page.evaluate(() => {
      const { photo, found, crop, renderer, about, took } = globalThis.igc;
      const side = about.image_size;
      const pixels = (mode, pose, light) => {
        renderer.draw(mode, side, pose, light);
        return [...renderer.pixels()].filter((_, i) => i % 4 < 3);
      };
      const turned = { ...found.pose, yaw: found.pose.yaw + 20, pitch: found.pose.pitch - 10 };
      const light = { ambient: 0.3, diffuse: 0.6, direction: [0.6, 0, 0.8] };
      return {
        took,
        size: [photo.width, photo.height],
        crop: [...crop.picture],
        depth: [...found.depth],
        pose: found.pose,
        light: found.light,
        labels: pixels("labels").filter((_, i) => i % 3 === 0),
        picture: pixels("model"),
        turned: pixels("model", turned, light),
        photo: pixels("photo"),
      };
    });
  const upload = (name) => page.setInputFiles("#file", join(photos, name));
  const turnCanvas = () => page.locator("#turn").evaluate((canvas) => canvas.toDataURL());

  const start = Date.now();
  await page.goto(`${origin}/`);
  await found();
  seen.first_ms = Date.now() - start;
  await page.screenshot({ path: join(out, "page_1440.png"), fullPage: true });
  for (const name of readdirSync(photos).filter((name) => !name.startsWith("bad"))) {
    await upload(name);
    await found();
    seen.photos[name] = { ...(await looked()), status: await page.locator("#status").textContent() };
  }

  // Bad files: a message, and the page goes on.
  seen.bad = {};
  for (const name of readdirSync(photos).filter((name) => name.startsWith("bad"))) {
    await upload(name);
    await page.locator("#error").waitFor({ state: "visible" });
    seen.bad[name] = await page.locator("#error").textContent();
  }
  await page.getByRole("button", { name: /astronaut/i }).click();
  await found();
  seen.error_gone = await page.locator("#error").isHidden();

  // Turning by keys and by the mouse; the light; the parts.
  const pictures = [await turnCanvas()];
  const yaw = () => page.locator("#yaw").inputValue().then(Number);
  const yaws = [await yaw()];
  await page.locator("#turn").focus();
  for (let i = 0; i < 5; i++) await page.keyboard.press("ArrowRight");
  pictures.push(await turnCanvas());
  yaws.push(await yaw());
  const box = await page.locator("#turn").boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width / 4, box.y + box.height / 2, { steps: 3 });
  await page.mouse.up();
  pictures.push(await turnCanvas());
  yaws.push(await yaw());
  await page.locator("#across").fill("70");
  pictures.push(await turnCanvas());
  seen.yaws = yaws;
  seen.different_pictures = new Set(pictures).size;
  await page.screenshot({ path: join(out, "turned_1440.png"), fullPage: true });

  const download = async (button, name) => {
    const [file] = await Promise.all([page.waitForEvent("download"), page.locator(button).click()]);
    await file.saveAs(join(out, name));
  };
  await download("#glb", "face.glb");
  await download("#png", "face.png");

  // The square by keyboard finds anew; another face's parts change the kept one.
  await page.locator("#photo").focus();
  await page.keyboard.press("+");
  await found();
  await page.locator("#keep").click();
  await page.getByRole("button", { name: /long hair/i }).click();
  await found();
  const before = await turnCanvas();
  const share = (part) => page.locator("#parts output").nth(part).textContent();
  await page.locator("#taken input").nth(4).check();
  seen.mixed = { changed: before !== (await turnCanvas()), mouth: await share(5) };
  await page.evaluate(() => window.scrollTo(0, 0));
  await page.emulateMedia({ colorScheme: "dark" });
  await page.setViewportSize({ width: 390, height: 844 });
  await page.screenshot({ path: join(out, "mixed_390_dark.png"), fullPage: true });
  seen.wider_than_phone = await page.evaluate(() => document.documentElement.scrollWidth > 390);
} finally {
  await browser.close();
  server.close();
}
writeFileSync(join(out, "seen.json"), JSON.stringify(seen));
