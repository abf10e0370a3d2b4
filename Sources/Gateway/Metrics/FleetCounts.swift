import Telemetry

/// Who made the lists that several workers and gateways wanted, in one worker.
struct FleetCounts: Sendable {
  /// Lists computed because somebody waited, and to replace one that was served.
  var computedAnswers: UInt64 = 0
  var computedRefreshes: UInt64 = 0
  var waits: UInt64 = 0
  var unwritten: UInt64 = 0
  var takeovers: UInt64 = 0
  var handedBack: UInt64 = 0

  mutating func add(_ other: FleetCounts) {
    computedAnswers += other.computedAnswers
    computedRefreshes += other.computedRefreshes
    waits += other.waits
    unwritten += other.unwritten
    takeovers += other.takeovers
    handedBack += other.handedBack
  }
}

extension MetricsPage {
  func fleet(_ page: inout PrometheusText) {
    let counts = result.metrics.fleet
    page.family(
      "list_computations_total", .counter,
      "Lists computed here, by what for: a request that waited, or the refresh of a list that was served meanwhile.")
    page.sample("list_computations_total", [("for", "answer")], counts.computedAnswers)
    page.sample("list_computations_total", [("for", "refresh")], counts.computedRefreshes)
    page.family(
      "fleet_fill_waits_total", .counter,
      "Times that a search waited some milliseconds for another worker or gateway, which was filling its key.")
    page.sample("fleet_fill_waits_total", [], counts.waits)
    page.family(
      "fleet_fills_unwritten_total", .counter,
      "Lists computed and not sent to memcached, because another's claim on the key stood and nothing came of it.")
    page.sample("fleet_fills_unwritten_total", [], counts.unwritten)
    page.family(
      "fleet_refresh_takeovers_total", .counter,
      "Refreshes begun without the token: its winner had not refreshed for seconds, or the list had none to give.")
    page.sample("fleet_refresh_takeovers_total", [], counts.takeovers)
    page.family(
      "fleet_claims_returned_total", .counter, "Claims on a key given back, because its list could not be made.")
    page.sample("fleet_claims_returned_total", [], counts.handedBack)
  }
}
