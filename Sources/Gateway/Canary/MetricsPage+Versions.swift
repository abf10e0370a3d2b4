import Configuration
import Model
import Publishing
import Telemetry

// What each version did: the champion's and the challenger's figures side by side, and across swaps.
extension MetricsPage {
  func versions(_ page: inout PrometheusText) {
    let rows = result.metrics.versions.byVersion.sorted { "\($0.key)" < "\($1.key)" }
    func labels(_ row: (key: ModelIdentity, value: VersionCounts)) -> [(String, String)] {
      [("model", row.key.name), ("version", "\(row.key.version)"), ("digest", row.key.digest8)]
    }
    let counters: [(String, String, (VersionCounts) -> UInt64)] = [
      ("model_answers_total", "Answers with status 200 or 304 by the version that gave them.", { $0.answers }),
      ("model_fallbacks_total", "Of these, answers that were not from the list asked for.", { $0.fallbacks }),
      ("model_errors_total", "Requests for a version that were refused with 5xx.", { $0.errors }),
      ("model_impressions_total", "Items shown, by the version that recommended them.", { $0.impressions }),
      ("model_clicks_total", "Items clicked, by the version that recommended them.", { $0.clicks }),
    ]
    for (name, sentence, value) in counters {
      page.family(name, .counter, sentence)
      for row in rows { page.sample(name, labels(row), value(row.value)) }
    }
    page.family(
      "model_request_duration_seconds", .histogram,
      "From the request's first byte to its composed answer, by the version that gave it.")
    for row in rows where row.value.durations.count > 0 {
      page.histogram("model_request_duration_seconds", labels(row), row.value.durations)
    }
    page.family(
      "model_items_shown", .gauge, "Different items that impressions tell of, by version; an estimate within some 2 %.")
    for row in rows { page.sample("model_items_shown", labels(row), UInt64(row.value.shown.estimate)) }
    canary(&page)
  }

  private func canary(_ page: inout PrometheusText) {
    let runs = control.canaries.runs.sorted { $0.key < $1.key }
    page.family("canary_share", .gauge, "Share of the users who see the challenger; absent while none is tried.")
    for (name, run) in runs {
      let labels = [("model", name), ("version", "\(run.canary.challenger.version)")]
      page.sample("canary_share", labels, seconds: run.canary.share(control.settings.canary))
    }
    page.family(
      "canary_evidence_ratio", .gauge,
      "How near a guardrail is to stopping the challenger: ln of the evidence against it over ln of what stops it, at 1."
    )
    for (name, run) in runs {
      for reading in run.canary.readings(run.champion, run.challenger, control.settings.canary) {
        page.sample(
          "canary_evidence_ratio", [("model", name), ("guardrail", reading.guardrail.rawValue)],
          seconds: max(0, reading.logEvidence / reading.logThreshold))
      }
    }
    let ends = control.canaries.ends
    page.family(
      "canary_ends_total", .counter, "Canaries that ended with a verdict, and by which guardrail or by whom.")
    page.sample("canary_ends_total", [("result", "promoted"), ("reason", "")], ends.promoted)
    page.sample("canary_ends_total", [("result", "rejected"), ("reason", "operator")], ends.aborted)
    for guardrail in Guardrail.allCases {
      page.sample(
        "canary_ends_total", [("result", "rejected"), ("reason", guardrail.rawValue)], ends.rejected[guardrail] ?? 0)
    }
  }
}
