"""The sites of a run side by side: on this machine's processes, or on a cluster."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from records.errors import InputError
from records.fsspec_paths import named_errors, try_writing
from records.workers import make_pool
from stackdump.cluster import Cluster, TaskCancelled, scratch_folder, this_worker
from stackdump.convert_site import convert_site, is_complete
from stackdump.dumps import Dump, ItemDump
from stackdump.forecast import check_disk, describe, forecast
from stackdump.options import Options
from stackdump.sites import Site

# Workers have a lower priority than the decoder that feeds them: sharing a core with a worker, it needed half as much
# CPU time again, because its tables leave the caches at every switch, and everybody waits for it.
WORKER_NICENESS = 10  # as in nice(1)

Tell = Callable[[str], None]


def run_sites(chosen: dict[Site, Dump], options: Options, stopped: threading.Event, tell: Tell) -> None:
    """Convert the sites that are not complete; `tell` takes what there is to say about each.

    stopped: ends running downloads and conversions when it is set, which Ctrl-C does too. Raises InputError with the
    errors of all sites that fail, after the others are complete.
    """
    try_writing(options.destdir)
    if options.keep_archive and isinstance(options.destdir, Path):
        chosen = {site: _kept(dump, options.destdir / site.folder) for site, dump in chosen.items()}
    pool = Cluster(options.scheduler, tell) if options.scheduler else make_pool(options.workers, WORKER_NICENESS)
    threads = pool.workers if isinstance(pool, Cluster) else options.workers
    side_by_side = ThreadPoolExecutor(min(options.workers, len(chosen)))
    senders = ThreadPoolExecutor(threads)
    with pool, side_by_side, senders:
        try:
            todo = _without_complete(chosen, options, side_by_side, tell)
            away, at_once = share_out(todo, options, threads)
            _look_ahead(todo, away, options, tell)
            turns = threading.Semaphore(at_once)
            here = {
                site: side_by_side.submit(convert_site, site, dump, options, pool, threads, stopped, tell)
                for site, dump in todo.items()
                if site not in away
            }
            sent = {site: senders.submit(_send, site, todo[site], options, pool, turns, tell) for site in away}
            failures = _failures(here)
            turns.release(threads)  # no batches are left to keep threads free for
            failures |= _failures(sent)
        except BaseException:  # Ctrl-C: end the others too, and leave the downloads for another run
            stopped.set()
            for dump in chosen.values():
                dump.stop()
            for executor in (side_by_side, senders):
                executor.shutdown(wait=False, cancel_futures=True)
            pool.shutdown(cancel_futures=True)  # before waiting for the executors, which may wait for a worker
            raise
    if len(chosen) > 1:
        for site in chosen:
            tell(f"{site.folder}: {'failed' if site in failures else 'complete'}")
    if failures:
        raise InputError("; ".join(failures[site] for site in chosen if site in failures))


def _kept(dump: Dump, folder: Path) -> Dump:
    return replace(dump, keep_in=folder) if isinstance(dump, ItemDump) else dump


def _without_complete(chosen: dict[Site, Dump], options: Options, executor: Executor, tell: Tell) -> dict[Site, Dump]:
    """The sites to be converted; `tell` takes those that are complete."""
    if options.force:
        return chosen
    complete = dict(
        zip(chosen, executor.map(lambda site: is_complete(site, chosen[site], options), chosen), strict=True)
    )
    for site in chosen:
        if complete[site]:
            tell(f"{site.folder}: {options.records_file(site.folder)} is complete; --force does it again")
    return {site: dump for site, dump in chosen.items() if not complete[site]}


def _look_ahead(todo: dict[Site, Dump], away: list[Site], options: Options, tell: Tell) -> None:
    """Say what the run will do, unless that is one local dump. Raises InputError if a disk is too small."""
    with named_errors(options.dump_path[0] if options.dump_path else Path()):
        forecasts = {site: forecast(site, dump, options) for site, dump in todo.items()}
    if len(todo) > 1 or any(each.to_fetch for each in forecasts.values()):
        tell(describe(list(forecasts.values()), options))
    if not options.ignore_disk_space:
        check_disk(list(forecasts.values()), [each for site, each in forecasts.items() if site not in away], options)


def _failures(futures: dict[Site, Future[None]]) -> dict[Site, str]:
    """The errors of the sites that fail; waits until all sites have ended."""
    failures: dict[Site, str] = {}
    for site, future in futures.items():
        try:
            future.result()
        except (InputError, OSError) as error:
            failures[site] = str(error)
    return failures


def share_out(todo: dict[Site, Dump], options: Options, threads: int) -> tuple[list[Site], int]:
    """The sites that single workers of a cluster convert, large ones first, and how many of them at once.

    These are the sites that one thread converts no later than all `threads` together could end the run. Both ends must
    be URLs, which every machine reaches. Their share of the threads is that of their bytes; the others are for batches.
    """
    places = (*options.dump_path, options.destdir)
    if not (options.scheduler and options.dump_path) or any(isinstance(place, Path) for place in places):
        return [], threads
    with named_errors(places[0]):
        sizes = {site: dump.size for site, dump in todo.items()}
    total = sum(sizes.values())
    away = [site for site, size in sizes.items() if size * threads <= total]
    part = sum(sizes[site] for site in away)
    return sorted(away, key=lambda site: -sizes[site]), max(1, threads * part // max(1, total))


def _send(site: Site, dump: Dump, options: Options, pool: Executor, turns: threading.Semaphore, tell: Tell) -> None:
    """Have a worker of the cluster convert one site, and pass on what it says."""
    assert isinstance(pool, Cluster)
    with turns:
        tell(f"{site.folder}: sent whole to a worker")
        try:
            lines = pool.submit_site(convert_on_worker, site, dump, options).result()
        except InputError as error:
            raise InputError(f"{site.folder}: {error}") from None
        tell("\n".join(lines))


def convert_on_worker(site: Site, dump: Dump, options: Options) -> list[str]:
    """Convert one site on the worker that this runs on, and return the lines about it. Raises InputError."""
    lines: list[str] = []
    try:
        with scratch_folder() as folder, ThreadPoolExecutor(1) as pool:
            options = replace(options, workers=1, tmpdir=Path(folder))
            convert_site(site, dump, options, pool, 1, TaskCancelled(), lines.append)
    except (InputError, OSError) as error:
        raise InputError(f"{this_worker().address}: {error}") from None
    return lines
