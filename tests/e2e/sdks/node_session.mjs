// A session with posthog-node. Usage: node node_session.mjs HOST TOKEN DISTINCT_ID UUID; prints the errors it met.
import { PostHog } from 'posthog-node';

const [host, token, distinctId, uuid] = process.argv.slice(2);
const posthog = new PostHog(token, { host, flushAt: 20, flushInterval: 0 });
posthog.on('error', (error) => console.log(String(error)));
posthog.identify({ distinctId, properties: { name: 'Max', email: `${distinctId}@example.com` } });
posthog.capture({ distinctId, event: '$pageview', properties: { $current_url: 'https://example.com/pricing', from: 'mail' } });
posthog.capture({
  distinctId,
  event: 'order completed',
  uuid,
  timestamp: new Date('2026-01-02T03:04:05.678Z'),
  properties: { total: 12.5, items: [{ sku: 'a', n: 2 }], 'named with spaces': 'ü€😀', nothing: null },
});
posthog.groupIdentify({ groupType: 'company', groupKey: `company-of-${distinctId}`, properties: { plan: 'pro' } });
posthog.alias({ distinctId, alias: `anonymous-${distinctId}` });
await posthog.shutdown();
