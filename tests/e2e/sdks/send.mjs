// Sends what the tests expect with the real Node SDK. Usage: node send.mjs HOST TOKEN UUID
import { PostHog } from 'posthog-node';

const [host, token, uuid] = process.argv.slice(2);
const posthog = new PostHog(token, { host, flushAt: 20, flushInterval: 0 });
posthog.on('error', (error) => {
  console.error(String(error));
  process.exitCode = 1;
});
const distinctId = 'node-user';
posthog.identify({ distinctId, properties: { first_name: 'Max', last_name: 'the Hedgehog', email: 'max@example.com' } });
posthog.capture({ distinctId, event: '$pageview', properties: { $current_url: 'https://example.com/pricing' } });
posthog.capture({
  distinctId,
  event: 'order completed',
  uuid,
  timestamp: new Date('2026-01-02T03:04:05.678Z'),
  properties: { total: 12.5, items: [{ sku: 'a', n: 2 }], 'named with spaces': 'ü€😀', nothing: null },
});
await posthog.shutdown();
