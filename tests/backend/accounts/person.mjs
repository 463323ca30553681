// A person with a keyboard in a real Chromium makes the first account, then signs in again, while an app listens:
//   node person.mjs CHROMIUM SETUP_URL AUTHORIZE_PATH HOST SCHEME FOLDER
import http from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';

const [executablePath, setUpUrl, authorizePath, host, colorScheme, folder] = process.argv.slice(2);
const { chromium } = createRequire(path.join(process.cwd(), 'package.json'))('playwright-core');

const calls = [];
const app = http.createServer((request, response) => {
  if (request.url.startsWith('/callback')) calls.push({ url: request.url, referrer: request.headers.referer ?? null });
  response.setHeader('Content-Type', 'text/html');
  response.end('<title>App</title><h1>Back in the app</h1>');
});
await new Promise((resolve) => app.listen(0, host, resolve));
const shownHost = host.includes(':') ? `[${host}]` : host;
const redirect = encodeURIComponent(`http://${shownHost}:${app.address().port}/callback`);
const signIn = `${authorizePath}&redirect_uri=${redirect}`;
const origin = new URL(setUpUrl).origin;

const browser = await chromium.launch({ executablePath, timeout: 120_000, args: ['--no-sandbox', '--disable-gpu'] });
const page = await browser.newPage({ colorScheme, viewport: { width: 800, height: 860 } });
page.setDefaultTimeout(120_000);
const complaints = [];
page.on('console', (message) => complaints.push(message.text()));
const titles = [];
const look = async (name) => {
  titles.push(await page.title());
  await page.screenshot({ path: path.join(folder, `${name}-${colorScheme}.png`) });
};
const type = async (...texts) => {
  for (const [index, text] of texts.entries()) {
    if (index) await page.keyboard.press('Tab');
    await page.keyboard.type(text);
  }
};
const send = () => Promise.all([page.waitForNavigation(), page.keyboard.press('Enter')]);

await page.goto(`${setUpUrl}?next=${encodeURIComponent(signIn)}`);
await look('set-up');
await type('grace', 'Grace Hopper', 'a good password', 'another password');
await send();
await look('set-up-refused');
await type('a good password', 'a good password');
await send();
await look('back-in-the-app');

await page.goto(origin + signIn);
await look('sign-in');
await type('grace', 'wrong');
await send();
await look('sign-in-refused');
await type('a good password');
await send();
titles.push(await page.title());

await page.goto(origin + signIn);
await page.getByRole('link', { name: 'Cancel' }).click();
await page.waitForURL(/callback/);
await page.setViewportSize({ width: 320, height: 640 });
await page.goto(origin + signIn);
const overflow = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
const window = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
await browser.close();
app.close();
console.log(JSON.stringify({ titles, calls, complaints, overflow, window }));
