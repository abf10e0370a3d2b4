internal import Bytes

/// Draws ids of a population: pure in the request's number, its time and its random numbers.
struct IDDraw: Sendable {
  /// Somebody of the population, or a stranger.
  struct Identity: Sendable, Equatable {
    var number: Int
    var isUnknown: Bool
  }

  private let population: Population
  private let prefix: [UInt8]
  private let zipf: ZipfDistribution?
  /// Coprime to the count, so that rank → rank × stride is a bijection that tears neighbours apart: hot ids should not
  /// be the first ones of a file.
  private let stride: Int

  init(_ population: Population) {
    self.population = population
    prefix = Array(population.prefix.utf8)
    zipf =
      population.distribution == .zipf ? ZipfDistribution(count: population.count, exponent: population.exponent) : nil
    // The golden ratio spreads successive ranks most evenly.
    var stride = max(1, Int(Double(population.count) * 0.6180339887))
    while greatestCommonDivisor(stride, population.count) != 1 { stride += 1 }
    self.stride = stride
  }

  func draw(index: UInt64, seconds: Double, _ random: inout Random64) -> Identity {
    if population.unknownShare > 0, random.unit() < population.unknownShare {
      return Identity(number: Int(truncatingIfNeeded: index), isUnknown: true)
    }
    let count = population.count
    switch population.distribution {
    case .cycle: return Identity(number: population.first + Int(index % UInt64(count)), isUnknown: false)
    case .uniform: return Identity(number: population.first + random.below(count), isUnknown: false)
    case .zipf:
      let rank = (zipf!.draw(&random) + churned(seconds)) % count
      let place = rank.multipliedFullWidth(by: stride)
      let scattered = count.dividingFullWidth(place).remainder
      return Identity(number: population.first + scattered, isUnknown: false)
    }
  }

  /// By how many ranks the churns so far have moved everybody on: the hottest become the coldest, and those behind them
  /// the hottest.
  private func churned(_ seconds: Double) -> Int {
    guard population.churnEverySeconds > 0, seconds > 0 else { return 0 }
    let churns = Int(seconds / population.churnEverySeconds)
    let moved = max(1, Int(Double(population.count) * population.churnShare))
    return churns.multipliedReportingOverflow(by: moved).partialValue % population.count
  }

  func write(_ identity: Identity, to out: inout ByteBuffer) {
    guard !identity.isUnknown else {
      // A stranger's id cannot be one of the population's: a number follows its prefix at once there.
      out.append("unknown-" as StaticString)
      out.append(decimal: identity.number)
      return
    }
    out.append(prefix)
    var digits = 1
    var bound = 10
    while identity.number >= bound {
      digits += 1
      bound *= 10
    }
    while digits < population.digits {
      out.append(UInt8(ascii: "0"))
      digits += 1
    }
    out.append(decimal: identity.number)
  }
}

private func greatestCommonDivisor(_ a: Int, _ b: Int) -> Int { b == 0 ? a : greatestCommonDivisor(b, a % b) }
