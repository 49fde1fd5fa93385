// A session with @segment/analytics-node. Usage: node segment.mjs HOST TOKEN DISTINCT_ID; prints the errors it met.
import { Analytics } from '@segment/analytics-node';

const [host, writeKey, userId] = process.argv.slice(2);
const analytics = new Analytics({ writeKey, host, path: '/v1/batch', flushInterval: 100, maxRetries: 0 });
analytics.on('error', (error) => console.log(JSON.stringify(error)));
analytics.identify({ userId, traits: { name: 'Max', email: `${userId}@example.com` } });
analytics.page({ userId, category: 'Docs', name: 'Pricing', properties: { url: 'https://example.com/pricing' } });
analytics.track({
  userId,
  event: 'order completed',
  timestamp: new Date('2026-01-02T03:04:05.678Z'),
  properties: { total: 12.5, items: [{ sku: 'a', n: 2 }], 'named with spaces': 'ü€😀', nothing: null },
});
analytics.group({ userId, groupId: `company-of-${userId}`, traits: { plan: 'pro' } });
analytics.alias({ userId, previousId: `anonymous-${userId}` });
await analytics.closeAndFlush();
