"""Moving house: bringing in what a PostHog instance has, and writing what is here in PostHog's form."""
