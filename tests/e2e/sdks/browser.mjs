// A visit with posthog-js in a real browser. Usage: node browser.mjs CHROMIUM PAGE DISTINCT_ID; prints what went wrong.
import { chromium } from 'playwright-core';

const [executablePath, page_url, who] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] });
const page = await browser.newPage();
const problems = [];
page.on('console', (message) => {
  if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text());
});
page.on('pageerror', (error) => problems.push(String(error)));
page.on('requestfailed', (request) => {
  // What is sent while a page goes away has no page to be answered to.
  if (!/beacon=1/.test(request.url())) problems.push(`${request.url()} ${request.failure()?.errorText}`);
});
page.on('response', (response) => {
  if (response.status() >= 400 && !/favicon/.test(response.url())) problems.push(`${response.url()} ${response.status()}`);
});
const sent = (name) =>
  page.waitForFunction((wanted) => window.sent?.some((event) => event.event === wanted), name, { timeout: 15000 });
await page.goto(page_url);
await sent('$pageview');
await page.click('#buy');
await sent('$autocapture');
await page.evaluate((id) => {
  window.posthog.identify(id, { email: `${id}@example.com` }, { first_seen_as: id });
  window.posthog.group('company', `company-of-${id}`, { plan: 'pro' });
  window.posthog.capture('order completed', { total: 12.5, items: [{ sku: 'a', n: 2 }], 'named with spaces': 'ü€😀' });
  window.posthog.opt_out_capturing();
  window.posthog.capture('while opted out');
  window.posthog.opt_in_capturing({ captureEventName: false });
  window.posthog.capture('back again');
}, who);
await sent('back again');
await page.waitForTimeout(4000); // longer than the queue's beat: what waits has left
await page.evaluate(() => window.posthog.capture('just before leaving'));
await page.goto('about:blank');
await page.waitForTimeout(500);
await browser.close();
for (const problem of problems) console.log(problem);
