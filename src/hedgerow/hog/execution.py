"""Running a program: part by part, from one asynchronous call to the next, or again from a journal."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from hedgerow.hog.compiler.blame import reraise
from hedgerow.hog.compiler.places import Places
from hedgerow.hog.errors import HogDiverged, HogFetchLimit, HogRuntimeError
from hedgerow.hog.host import AsyncCall, Host, JournalEntry
from hedgerow.hog.meter import Meter

_Request = tuple[int, str, list[Any]]


@dataclass(slots=True)  # not frozen: making a frozen one takes three times as long
class Finished:
    """The program ran to its end; ``value`` is what it gave."""

    value: Any


class Replay(Meter):
    """The meter of a program's run, which also replays what the journal tells of the clock and the log."""

    __slots__ = ("answered", "fetched", "readings", "recorded", "unread")

    def __init__(self, host: Host) -> None:
        Meter.__init__(self, host)  # ``super()`` costs twice as much, and one of these is made for every run
        journal = host.journal
        self.answered = 0
        self.fetched = 0
        self.recorded = len(journal)  # calls that the journal answers
        self.readings: list[float] = []  # what the clock said since the last call
        self.unread: tuple[float, ...] = journal[0].clock if journal else ()

    def now(self) -> float:
        """The time: from the journal up to the last completed call, real after it."""
        if self.answered >= self.recorded:
            reading = self.host.now()
            self.readings.append(reading)
            return reading
        if len(self.readings) >= len(self.unread):
            raise HogDiverged("The program read the clock more often than its journal tells")
        reading = self.unread[len(self.readings)]
        self.readings.append(reading)
        return reading

    def print(self, text: str, /) -> None:
        """Print, unless this line was printed before."""
        if self.answered < self.recorded or self.printed < self.host.printed:
            self.printed += 1
        else:
            super().print(text)

    def count_call(self, name: str) -> None:
        """The program makes an asynchronous call; the calls of earlier parts count again as they are replayed.

        Raises:
            HogFetchLimit: it is one too many.
        """
        limits = self.limits
        if name == "fetch":
            self.fetched += 1
        if self.answered < limits.fetches:
            return  # even if all of them were fetches
        if self.fetched > limits.fetches and name == "fetch":
            raise HogFetchLimit(f"Exceeded maximum number of fetch calls: {limits.fetches}")
        steps = max(limits.async_steps, limits.fetches)
        if self.answered >= steps:
            raise HogFetchLimit(f"Exceeded maximum number of async steps: {steps}")

    def replayed(self, site: int, name: str) -> Any:
        """What the journal answers to the call that the program makes.

        Raises:
            HogDiverged: the journal tells of another call.
        """
        entry = self.host.journal[self.answered]
        if (entry.site, entry.ordinal) != (site, self.answered):
            raise HogDiverged(f"The program calls `{name}` where its journal tells of another call")
        self.answered += 1
        self.readings = []
        if self.answered < self.recorded:
            self.unread = self.host.journal[self.answered].clock
        return entry.result

    def take_readings(self) -> tuple[float, ...]:
        """What the clock said since the last call; the next part begins anew."""
        readings, self.readings = self.readings, []
        return tuple(readings)


class Execution:
    """One run of a program.

    Call ``advance`` until it gives ``Finished``; answer each ``AsyncCall`` it gives with ``answer``.

    Attributes:
        journal: the completed calls, those of earlier parts included. A new run with this journal goes on from here.
    """

    __slots__ = (
        "_answer",
        "_generator",
        "_globals",
        "_meter",
        "_pending",
        "_places",
        "_run",
        "journal",
    )

    def __init__(
        self,
        run: Callable[[Any, Any], Any],
        places: Places,
        globals: Mapping[str, Any],  # noqa: A002 (what Hog calls them)
        host: Host,
        suspends: bool,
        meter: Replay | None = None,
    ) -> None:
        meter = self._meter = Replay(host) if meter is None else meter
        self._run = run
        self._places = places
        self._globals = globals
        self._generator: Generator[_Request, Any, Any] | None = run(globals, meter) if suspends else None
        self._pending: AsyncCall | None = None
        self._answer: Any = None
        self.journal: list[JournalEntry] = [*host.journal]

    @property
    def cpu_ms(self) -> float:
        """CPU time used so far, in milliseconds."""
        return self._meter.used_ms

    @property
    def printed(self) -> int:
        """Lines printed so far, those of earlier parts included."""
        return self._meter.printed

    @property
    def readings(self) -> tuple[float, ...]:
        """What the program read from the clock since its last completed call."""
        return tuple(self._meter.readings)

    def advance(self) -> AsyncCall | Finished:
        """Run to the next unanswered asynchronous call, or to the end.

        Returns:
            The call, or the end with the program's value.

        Raises:
            HogRuntimeError: the program failed; it can not be advanced again.
        """
        if self._pending is not None:
            raise RuntimeError("answer the pending call first")
        meter = self._meter
        generator = self._generator
        meter.wall_start = (
            perf_counter()
        )  # what the meter would do by itself, without the price of calling it
        try:
            if generator is None:
                return self._end(self._run(self._globals, meter))
            return self._go_on(generator, meter)
        except StopIteration as end:
            return self._end(end.value)
        except Exception as error:  # noqa: BLE001 (whatever comes out of generated code becomes a Hog error)
            reraise(error, self._places, self._globals)
        finally:
            if meter.cpu_start is None:
                meter.used_ms += (perf_counter() - meter.wall_start) * 1000
            else:
                meter.pause()

    def _go_on(self, generator: Generator[_Request, Any, Any], meter: Replay) -> AsyncCall:
        """Run to the next unanswered call; the program's end comes out as StopIteration."""
        while True:
            site, name, args = generator.send(self._answer)
            try:
                meter.count_call(name)
                ordinal = meter.answered
                if ordinal >= meter.recorded:
                    call = self._pending = AsyncCall(name, args, site, ordinal)
                    return call
                self._answer = meter.replayed(site, name)
            except HogRuntimeError as error:
                generator.throw(error)  # so that it gets the place of the call; Hog can not catch it
                raise

    def _end(self, value: Any) -> Finished:
        if self._meter.answered < self._meter.recorded:
            raise HogDiverged("The program ended before the calls its journal tells of")
        return Finished(value)

    def answer(self, result: Any) -> None:
        """Complete the pending call and note it in the journal.

        Args:
            result: what the call gives to the program.
        """
        call = self._pending
        if call is None:
            raise RuntimeError("no call is pending")
        self._pending = None
        self._answer = result
        meter = self._meter
        meter.answered += 1
        readings = meter.take_readings() if meter.readings else ()
        self.journal.append(JournalEntry(call.site, call.ordinal, result, readings))
