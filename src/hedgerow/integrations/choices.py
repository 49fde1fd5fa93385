"""What forms offer from an account: the channels of a Slack workspace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from hedgerow.delivery.transport import Transport
from hedgerow.integrations.errors import IntegrationError
from hedgerow.integrations.wire import ask

PAGES: Final = 20
PER_PAGE: Final = 1000
KEPT_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class Listed:
    """Choices, and when the vendor was asked for them."""

    items: list[dict[str, Any]]
    at: int


class Choices:
    """Asks vendors, and remembers their answers for a minute.

    Attributes:
        slack: where Slack's API is.
    """

    def __init__(self, slack: str = "https://slack.com/api") -> None:
        self.slack = slack
        self._kept: dict[tuple[int, str], Listed] = {}

    async def channels(
        self, transport: Transport, number: int, token: str, *, now: int, fresh: bool = False
    ) -> Listed:
        """The channels that a bot of Slack may post to, public ones first, by name.

        Args:
            transport: guarded.
            number: of the account.
            token: of the bot.
            now: milliseconds.
            fresh: ask Slack whatever is remembered.

        Raises:
            IntegrationError: Slack does not say.
        """
        kept = self._kept.get((number, token))
        if kept is not None and not fresh and now - kept.at < KEPT_MS:
            return kept
        found: list[dict[str, Any]] = []
        cursor = ""
        for _ in range(PAGES):
            query = {"types": "public_channel,private_channel", "exclude_archived": "true", "limit": PER_PAGE}
            address = f"{self.slack}/conversations.list?{urlencode({**query, **({'cursor': cursor} if cursor else {})})}"
            answer = await ask(transport, "GET", address, token, vendor="Slack")
            channels = answer.get("channels")
            if not isinstance(channels, list):
                raise IntegrationError("Slack answered without channels.")
            found += [_channel(one) for one in channels if isinstance(one, dict)]
            cursor = str((answer.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                break
        self._kept = {key: one for key, one in self._kept.items() if now - one.at < KEPT_MS}
        listed = self._kept[number, token] = Listed(
            sorted(found, key=lambda c: (c["is_private"], c["name"])), now
        )
        return listed


def _channel(raw: dict[str, Any]) -> dict[str, Any]:
    private = bool(raw.get("is_private"))
    return {
        "id": str(raw.get("id", "")),
        "name": str(raw.get("name", "")),
        "is_private": private,
        "is_member": bool(raw.get("is_member")),
        "is_ext_shared": bool(raw.get("is_ext_shared")),
        "is_private_without_access": private and not raw.get("is_member"),
    }
