import Bytes
import Glibc
import Memcached
import Model
import Publishing
import Telemetry

/// The page that Prometheus scrapes. Each family is declared here, with the sentence that explains it.
struct MetricsPage {
  let control: Control
  let result: Scrapes.Result

  func compose() -> [UInt8] {
    var page = PrometheusText()
    requests(&page)
    overload(&page)
    caches(&page)
    fleet(&page)
    memcached(&page)
    models(&page)
    gates(&page)
    availability(&page)
    events(&page)
    versions(&page)
    process(&page)
    return page.finish().bytes.copied()
  }

  private var placementNames: [String] { control.placements.names + [""] }

  private func requests(_ page: inout PrometheusText) {
    let metrics = result.metrics
    page.family(
      "http_requests_total", .counter,
      "Answers by placement, status and the tier that gave them; empty labels where there is none.")
    for (name, counts) in zip(placementNames, metrics.requests) {
      for tier in Tier.allCases {
        for (status, count) in counts.answers(of: tier) {
          page.sample(
            "http_requests_total", [("placement", name), ("code", "\(status)"), ("tier", tier.name.description)], count)
        }
      }
      for (status, count) in counts.answers(of: nil) {
        page.sample("http_requests_total", [("placement", name), ("code", "\(status)"), ("tier", "")], count)
      }
    }
    page.family("http_request_duration_seconds", .histogram, "From the request's first byte to its composed answer.")
    for (name, counts) in zip(control.placements.names, metrics.requests) {
      for tier in Tier.allCases where counts.durations[Int(tier.rawValue)].count > 0 {
        page.histogram(
          "http_request_duration_seconds", [("placement", name), ("tier", tier.name.description)],
          counts.durations[Int(tier.rawValue)])
      }
    }
    stages(&page)
    page.family(
      "fallbacks_total", .counter, "Answers that were not from the list asked for, by reason and by what answered.")
    for (name, counts) in zip(control.placements.names, metrics.fallbacks) {
      for reason in FallbackReason.allCases {
        for source in Fallback.Source.allCases {
          let count = counts.counts[Int(reason.rawValue) * Fallback.Source.allCases.count + Int(source.rawValue)]
          guard count > 0 else { continue }
          page.sample(
            "fallbacks_total",
            [("placement", name), ("reason", reason.name.description), ("source", source.name.description)], count)
        }
      }
    }
    page.family("connections", .gauge, "Open connections of the public listener.")
    page.sample("connections", [], UInt64(metrics.connectionsOpen))
    page.family("connections_accepted_total", .counter, "Connections accepted.")
    page.sample("connections_accepted_total", [], metrics.connectionsAccepted)
    page.family(
      "connections_shed_total", .counter, "Connections refused or closed early because of http.connectionsMax.")
    page.sample("connections_shed_total", [], metrics.connectionsShed)
    page.family(
      "connections_closed_total", .counter,
      "Connections that ended, each once, by the first thing that made it end: what the client did, or which limit.")
    for reason in CloseReason.allCases {
      page.sample("connections_closed_total", [("reason", reason.name.description)], metrics.closed[reason])
    }
    page.family(
      "connections_cut_lingering_total", .counter,
      "Connections cut because the client neither closed nor stopped sending after its last answer.")
    page.sample("connections_cut_lingering_total", [], metrics.lingersCut)
    page.family(
      "buffer_bytes", .gauge,
      "Held of http.bufferBytes by requests that arrive in pieces or wait, and by answers that are not read.")
    page.sample("buffer_bytes", [], UInt64(metrics.bufferBytes))
    page.family("http_malformed_total", .counter, "Requests that could not be read; their connections were closed.")
    page.sample("http_malformed_total", [], metrics.malformed)
    page.family(
      "batch_requests_total", .counter,
      "Batches of recommendation requests; each of their requests counts in http_requests_total.")
    page.sample("batch_requests_total", [], metrics.batches)
    page.family("http_requests_in_flight", .gauge, "Requests that wait for memcached.")
    page.sample("http_requests_in_flight", [], UInt64(metrics.inFlight))
  }

  private func overload(_ page: inout PrometheusText) {
    let metrics = result.metrics
    page.family(
      "pressure_level", .gauge,
      "Highest of the workers: 1 no refresh, 2 longer stale, 3 hot keys only, 4 trending, 5 refusing, 6 closed.")
    page.sample("pressure_level", [], UInt64(metrics.pressureLevel.rawValue))
    page.family("pressure_changes_total", .counter, "Changes of a worker's pressure level, up or down.")
    page.sample("pressure_changes_total", [], metrics.pressureChanges)
    page.family("admission_shed_total", .counter, "Lists that were not computed, by reason.")
    for reason in ShedReason.allCases {
      page.sample("admission_shed_total", [("reason", reason.name.description)], metrics.admission[reason])
    }
    page.family("compute_queue_length", .gauge, "Lists that requests wait for and that are not computed yet.")
    page.sample("compute_queue_length", [], UInt64(metrics.computeQueueLength))
    page.family("compute_queue_sojourn_seconds", .histogram, "Time in that queue of lists that were computed.")
    page.histogram("compute_queue_sojourn_seconds", [], metrics.admission.sojourn)
  }

  private func caches(_ page: inout PrometheusText) {
    let tiers = [("l1", result.metrics.l1), ("l2", result.metrics.l2), ("window", result.metrics.windows)]
    page.family("cache_hits_total", .counter, "Fresh values found; window counts this worker's copies of windows.")
    for (tier, counts) in tiers { page.sample("cache_hits_total", [("tier", tier)], counts.hits) }
    page.family("cache_misses_total", .counter, "Keys that were not there, or not usable.")
    for (tier, counts) in tiers { page.sample("cache_misses_total", [("tier", tier)], counts.misses) }
    page.family("cache_stale_served_total", .counter, "Values found past fresh and served while a refresh began.")
    for (tier, counts) in tiers { page.sample("cache_stale_served_total", [("tier", tier)], counts.stale) }
    page.family("cache_collapsed_total", .counter, "Requests that waited for the search of another.")
    page.sample("cache_collapsed_total", [("tier", "l1")], result.metrics.l1.collapsed)
    page.family("answers_repeated_total", .counter, "Hits of L1 that were answered as they had been composed before.")
    page.sample("answers_repeated_total", [], result.metrics.repeated)
    page.family("cache_evictions_total", .counter, "Entries that made room for others.")
    page.sample("cache_evictions_total", [("tier", "l1")], result.metrics.l1.evictions)
    page.family("cache_entries", .gauge, "Entries held: lists, windows and composed answers.")
    page.sample("cache_entries", [("tier", "l1")], result.metrics.l1.entries)
    page.family("cache_bytes", .gauge, "Bytes held with what each entry costs beside its content.")
    page.sample("cache_bytes", [("tier", "l1")], result.metrics.l1.bytes)
    page.family("cache_bad_values_total", .counter, "Values of memcached that did not check out and counted as misses.")
    page.sample("cache_bad_values_total", [("kind", "list")], result.metrics.badLists)
    page.sample("cache_bad_values_total", [("kind", "window")], result.metrics.badWindows)
  }

  private func memcached(_ page: inout PrometheusText) {
    guard let first = result.nodes.first, !first.isEmpty else { return }
    page.family("memcached_up", .gauge, "Workers whose connection to the node is up.")
    for (index, node) in first.enumerated() {
      let up = result.nodes.count { if case .up = $0[index].state { true } else { false } }
      page.sample("memcached_up", [("node", "\(node.address)")], UInt64(up))
    }
    page.family(
      "memcached_breaker_state", .gauge,
      "Workers whose breaker of the node is closed (requests flow), open (none are sent) or half open (a probe is).")
    for (index, node) in first.enumerated() {
      for state in BreakerState.allCases {
        page.sample(
          "memcached_breaker_state", [("node", "\(node.address)"), ("state", state.label.description)],
          UInt64(result.nodes.count { $0[index].breaker == state }))
      }
    }
    page.family(
      "memcached_breaker_opened_total", .counter,
      "Times that a worker stopped asking the node: it failed in a row, or too many requests timed out.")
    for (index, node) in first.enumerated() {
      page.sample(
        "memcached_breaker_opened_total", [("node", "\(node.address)")],
        result.nodes.reduce(0) { $0 + $1[index].breakerOpenedCount })
    }
    let families: [(String, String, (NodeMetrics) -> UInt64)] = [
      ("memcached_requests_total", "Requests sent or refused.", { $0.requests }),
      ("memcached_hits_total", "Keys found.", { $0.hits }),
      ("memcached_misses_total", "Keys not found.", { $0.misses }),
      ("memcached_reconnects_total", "Connections made after the first.", { $0.reconnects }),
      ("memcached_connect_failures_total", "Attempts to connect that failed.", { $0.connectFailures }),
    ]
    for (name, sentence, value) in families {
      page.family(name, .counter, sentence)
      for (index, node) in first.enumerated() {
        page.sample(name, [("node", "\(node.address)")], result.nodes.reduce(0) { $0 + value($1[index].metrics) })
      }
    }
    page.family("memcached_errors_total", .counter, "Requests that failed or were refused, by kind; each was a miss.")
    for (index, node) in first.enumerated() {
      for failure in MemcachedFailure.allCases {
        let count = result.nodes.reduce(0) { $0 + $1[index].metrics.count(of: failure) }
        if count > 0 {
          page.sample(
            "memcached_errors_total", [("node", "\(node.address)"), ("kind", failure.label.description)], count)
        }
      }
    }
  }

  private func models(_ page: inout PrometheusText) {
    page.family("model_info", .gauge, "1 for each snapshot that serves.")
    for (name, served) in control.catalogue.models.sorted(by: { $0.key < $1.key }) {
      page.sample(
        "model_info",
        [("model", name), ("version", "\(served.identity.version)"), ("digest", served.identity.digest8)], 1)
    }
    page.family("model_items", .gauge, "Items of the snapshot that serves.")
    for (name, served) in control.catalogue.models.sorted(by: { $0.key < $1.key }) {
      page.sample("model_items", [("model", name)], UInt64(served.model.itemCount))
    }
    page.family("model_bytes", .gauge, "Size of the mapped file of the snapshot that serves.")
    for (name, served) in control.catalogue.models.sorted(by: { $0.key < $1.key }) {
      page.sample("model_bytes", [("model", name)], UInt64(served.model.byteCount))
    }
    page.family(
      "ann_probe_recall_ratio", .gauge, "Share of the exact answers to its own probes that the snapshot's index finds.")
    for (name, served) in control.catalogue.models.sorted(by: { $0.key < $1.key }) {
      page.sample("ann_probe_recall_ratio", [("model", name)], seconds: served.probeRecall)
    }
    page.family("model_loads_total", .counter, "Versions that came up for loading, by what became of them.")
    for (outcome, count) in control.loadCounts.sorted(by: { "\($0.key)" < "\($1.key)" }) {
      page.sample(
        "model_loads_total", [("model", outcome.model), ("result", outcome.result), ("reason", outcome.reason)], count)
    }
  }

  private func availability(_ page: inout PrometheusText) {
    let counts = control.availabilityCounts
    page.family(
      "availability_changes_total", .counter,
      "Items that calls made unavailable, or available again, by what they became.")
    page.sample("availability_changes_total", [("to", "unavailable")], counts.unavailable)
    page.sample("availability_changes_total", [("to", "available")], counts.available)
    page.family(
      "unavailable_items", .gauge, "Items that are unavailable now, whether a snapshot that serves knows them or not.")
    page.sample("unavailable_items", [], UInt64(control.unavailable.count))
    page.family("model_unavailable_items", .gauge, "Items of the snapshot that serves which are unavailable now.")
    for (name, served) in control.catalogue.models.sorted(by: { $0.key < $1.key }) {
      page.sample("model_unavailable_items", [("model", name)], UInt64(served.availability.unavailableCount))
    }
    page.family(
      "unavailable_skipped_total", .counter,
      "Items of stored lists that were left out of answers for being unavailable; others took their places.")
    page.sample("unavailable_skipped_total", [], result.metrics.unavailableSkipped)
    page.family(
      "availability_file_errors_total", .counter,
      "Times that the file of unavailable items could not be used (read) or not be made (write).")
    page.sample("availability_file_errors_total", [("step", "read")], counts.readFailures)
    page.sample("availability_file_errors_total", [("step", "write")], counts.writeFailures)
  }

  private func events(_ page: inout PrometheusText) {
    let metrics = result.metrics
    page.family("events_total", .counter, "Events by what became of them.")
    page.sample("events_total", [("type", "accepted")], metrics.eventsAccepted)
    page.sample("events_total", [("type", "rejected")], metrics.eventsRejected)
    page.sample("events_total", [("type", "duplicate")], metrics.eventsDuplicate)
    page.family("impressions_total", .counter, "Items shown, by the placement and model version that recommended them.")
    for (source, count) in metrics.impressions.counts.sorted(by: { $0.key < $1.key }) {
      page.sample("impressions_total", source.labels(control.placements), count)
    }
    page.family("clicks_total", .counter, "Items clicked, by the placement and model version that recommended them.")
    for (source, count) in metrics.clicks.counts.sorted(by: { $0.key < $1.key }) {
      page.sample("clicks_total", source.labels(control.placements), count)
    }
    let intake = control.intake.counts
    page.family("events_queue_length", .gauge, "Accepted events that wait for the disk.")
    page.sample("events_queue_length", [("sink", "segments")], UInt64(intake.queued))
    page.family("events_dropped_total", .counter, "Accepted events that the queue had no room for or the disk refused.")
    page.sample("events_dropped_total", [("sink", "segments")], intake.dropped)
    page.family("window_writes_total", .counter, "Windows written to memcached, by outcome.")
    page.sample("window_writes_total", [("outcome", "tried")], metrics.windowWrites)
    page.sample("window_writes_total", [("outcome", "conflict")], metrics.windowConflicts)
    page.sample("window_writes_total", [("outcome", "failed")], metrics.windowFailures)
  }

  private func reloads(_ page: inout PrometheusText) {
    let reloading = control.reloading
    page.family(
      "config_last_reload_successful", .gauge,
      "1 while the configuration in force is the newest that was read, 0 after one with mistakes.")
    page.sample("config_last_reload_successful", [], reloading.isSuccessful ? 1 : 0)
    page.family(
      "config_last_reload_success_timestamp_seconds", .gauge, "When a configuration without mistakes was read last.")
    page.sample("config_last_reload_success_timestamp_seconds", [], UInt64(reloading.succeededAt))
    page.family("config_reloads_total", .counter, "Readings of the configuration after the start, by result.")
    page.sample("config_reloads_total", [("result", "success")], reloading.succeeded)
    page.sample("config_reloads_total", [("result", "refused")], reloading.refused)
    page.family(
      "config_restart_pending_keys", .gauge, "Keys whose newest values were read and wait for a restart.")
    page.sample("config_restart_pending_keys", [], UInt64(reloading.waiting.count))
  }

  private func process(_ page: inout PrometheusText) {
    page.family("loop_turns_total", .counter, "Turns of the workers' loops.")
    page.sample("loop_turns_total", [], result.metrics.turns)
    page.family("loop_busy_seconds_total", .counter, "Time that the workers' loops spent in callbacks.")
    page.sample("loop_busy_seconds_total", [], seconds: Double(result.metrics.busyNanoseconds) / 1e9)
    page.family(
      "loop_lag_seconds", .gauge,
      "Longest turn of any worker's loop since the last scrape: what an event may have waited.")
    page.sample("loop_lag_seconds", [], seconds: Double(result.metrics.longestTurnNanoseconds) / 1e9)
    reloads(&page)
    page.family("process_cpu_seconds_total", .counter, "User and system time of the process.")
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    let seconds =
      Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec)
      / 1e6
    page.sample("process_cpu_seconds_total", [], seconds: seconds)
    page.family("process_resident_memory_max_bytes", .gauge, "Largest resident memory so far.")
    page.sample("process_resident_memory_max_bytes", [], UInt64(usage.ru_maxrss) * 1024)
  }
}
