// A real Chromium opens a page and plays what is on it.
// node watch_in_browser.mjs CHROMIUM URL light|dark SCREENSHOT [without-hls]
import { createRequire } from 'node:module';
import path from 'node:path';

const [executablePath, url, colorScheme, screenshot, without] = process.argv.slice(2);
const require = createRequire(path.join(process.cwd(), 'package.json'));
const { chromium } = require('playwright-core');

const browser = await chromium.launch({
  executablePath,
  timeout: 120_000,
  args: ['--no-sandbox', '--disable-gpu', '--autoplay-policy=no-user-gesture-required'],
});
const page = await browser.newPage({ colorScheme, viewport: { width: 1080, height: 800 } });
page.setDefaultTimeout(120_000);
if (without === 'without-hls') await page.route('**/index.m3u8', (route) => route.fulfill({ status: 404, body: '' }));
const complaints = [];
page.on('console', (message) => complaints.push(message.text()));
page.on('requestfailed', (request) => {
  if (request.failure()?.errorText !== 'net::ERR_ABORTED') complaints.push(`${request.url()} failed`);
});
const hosts = new Set();
page.on('request', (request) => hosts.add(new URL(request.url()).host));
const response = await page.goto(url);
const report = { status: response.status(), title: await page.title(), text: await page.innerText('main') };
if (await page.$('video')) {
  Object.assign(report, await page.evaluate(async () => {
    const video = document.querySelector('video');
    video.muted = true;
    await video.play();
    const began = video.currentTime;
    const deadline = performance.now() + 60_000;
    while (video.currentTime < began + 0.5 && performance.now() < deadline) {
      await new Promise((resolve) => requestAnimationFrame(resolve));
    }
    video.pause();
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = 16;
    const context = canvas.getContext('2d');
    context.drawImage(video, 0, 0, 16, 16);
    const shades = new Set(context.getImageData(0, 0, 16, 16).data.filter((_, index) => index % 4 === 0));
    return {
      readyState: video.readyState,
      advanced: video.currentTime - began,
      source: video.currentSrc,
      size: [video.videoWidth, video.videoHeight],
      shades: shades.size,
      poster: await new Promise((resolve) => {
        const image = new Image();
        image.onload = () => resolve(image.naturalWidth);
        image.onerror = () => resolve(0);
        image.src = video.poster;
      }),
    };
  }));
}
report.window = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
report.overflow = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
await page.screenshot({ path: screenshot });
await page.setViewportSize({ width: 390, height: 700 });
report.overflowWhenNarrow = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
await browser.close();
console.log(JSON.stringify({ ...report, complaints, hosts: [...hosts] }));
