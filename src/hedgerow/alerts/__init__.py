"""Alerts: rules about deliveries, incidents that come of them, and telling people once when one begins and once when it ends."""
