// Coming in with a real browser. Usage: node entrance.mjs CHROMIUM URL JOIN_LINK; prints what it saw, a JSON object.
import { chromium } from 'playwright-core';

const [executablePath, url, link] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] });
const saw = { errors: [], elsewhere: [] };

async function visit() {
  const context = await browser.newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(20000);
  page.on('pageerror', (error) => saw.errors.push(String(error)));
  page.on('console', (message) => {
    if (/Content Security Policy/.test(message.text())) saw.errors.push(message.text());
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(url)) saw.elsewhere.push(request.url());
    if (request.url().includes(link.split('#')[1])) saw.errors.push('the token was sent in an address');
  });
  return { context, page };
}
const text = (page, id) => page.textContent(id);
const appears = (page, id, words) =>
  page.waitForFunction(([where, what]) => document.querySelector(where)?.textContent.includes(what), [id, words]);

const { context, page } = await visit();
await page.goto(link);
await page.fill('input[name=email]', 'ada@example.com');
await page.fill('input[name=first_name]', 'Ada');
await page.fill('input[name=password]', 'correct horse battery');
saw.address = page.url();
await page.click('button');
await appears(page, '#greeting', 'ada@example.com');
saw.joined = await text(page, '#greeting');
saw.readable = (await page.evaluate(() => document.cookie)).replace(/=[0-9a-f]{64}/, '=...');
saw.cookies = (await context.cookies()).map(({ name, httpOnly, sameSite }) => [name, httpOnly, sameSite]).sort();
await page.goto(`${url}/project/1`);
await appears(page, '#thing', 'api_token');
saw.changed = await page.evaluate(async () => {
  const token = document.cookie.split('hedgerow_csrftoken=')[1];
  const change = (headers) =>
    fetch('/api/users/@me/', { method: 'PATCH', body: '{"first_name":"A"}', headers: { 'Content-Type': 'application/json', ...headers } });
  return [(await change({})).status, (await change({ 'X-CSRFToken': token })).status];
});

const other = await visit();
await other.page.goto(link);
await appears(other.page, '#problem', 'not valid');
await other.page.goto(`${url}/login`);
await other.page.fill('input[name=email]', 'ada@example.com');
await other.page.fill('input[name=password]', 'wrong password');
await other.page.click('button');
await appears(other.page, '#problem', 'Wrong');
await other.page.fill('input[name=password]', 'correct horse battery');
await other.page.click('button');
await appears(other.page, '#greeting', 'logged in');
await browser.close();
console.log(JSON.stringify(saw));
