internal import Glibc

/// What implicit-feedback matrix factorisation is trained with; the letters are those of `ALS`'s loss.
public struct ALSSettings: Sendable, Codable, Equatable {
  /// d: numbers in a factor row, 1...1024.
  public var dimensions: Int = 64
  /// α₀: weight of every user-item cell, touched or not. Sparser data wants less.
  public var alpha0: Float = 0.01
  /// λ: strength of the regularisation, above zero.
  public var lambda: Float = 0.006
  /// ν: how regularisation grows with a row's number of entries. 1 won on every benchmark of "Revisiting iALS"
  /// (Rendle et al., RecSys 2022).
  public var nu: Float = 1
  /// Passes over users and items; a last half-step over the users follows.
  public var epochs: Int = 8
  public var seed: UInt64 = 1
  /// σ*: rows start as N(0, σ*² / d).
  public var initialScale: Float = 0.1
  /// 0: one per core. Changes the time that training takes and no bit of what it gives.
  public var threads: Int = 0

  public init() {}

  /// Settings for data nobody has tuned on yet: α₀ by the data's density, the rest as it is.
  public static func suited(to matrix: InteractionMatrix) -> ALSSettings {
    var settings = ALSSettings()
    let cells = Double(matrix.userCount) * Double(matrix.itemCount)
    let density = cells > 0 ? Double(matrix.entryCount) / cells : 0
    settings.alpha0 = Float(min(max(15 * density, 0.003), 1))
    return settings
  }
}

/// A row's share of the regularisation, λ (entries + α₀ others)^ν: `others` is how many rows stand on the other side.
/// Training and fold-in must take it from here, or a trained row is not what fold-in gives.
func regularization(entries: Int, others: Int, settings: ALSSettings) -> Float {
  let support = Double(entries) + Double(settings.alpha0) * Double(others)
  return Float(Double(settings.lambda) * pow(support, Double(settings.nu)))
}

/// Why a factorisation is refused or failed.
public enum FactorizationError: Error, Equatable, CustomStringConvertible {
  /// The setting's name and what it must be.
  case badSetting(String)
  case noInteractions
  /// The numbers left float's range: the system to solve was all but singular.
  case diverged

  public var description: String {
    switch self {
    case .badSetting(let what): what
    case .noInteractions: "there is no interaction to learn from"
    case .diverged: "the factorisation diverged: lambda or alpha0 is too small for this data; raise lambda"
    }
  }
}

extension ALSSettings {
  /// 1024 numbers a row: 4 MB for one row's system, which still fits a core's cache with its factor.
  public static let dimensionsMax = 1024

  func check() throws(FactorizationError) {
    guard (1...Self.dimensionsMax).contains(dimensions) else {
      throw .badSetting("dimensions must be within 1...\(Self.dimensionsMax), not \(dimensions)")
    }
    guard lambda.isFinite, lambda > 0 else { throw .badSetting("lambda must be above 0, not \(lambda)") }
    guard alpha0.isFinite, alpha0 >= 0 else { throw .badSetting("alpha0 must be at least 0, not \(alpha0)") }
    guard (0...2).contains(nu) else { throw .badSetting("nu must be within 0...2, not \(nu)") }
    guard epochs >= 0 else { throw .badSetting("epochs must be at least 0, not \(epochs)") }
    guard initialScale.isFinite, initialScale > 0 else {
      throw .badSetting("initialScale must be above 0, not \(initialScale)")
    }
    guard (0...1024).contains(threads) else { throw .badSetting("threads must be within 0...1024, not \(threads)") }
  }
}
