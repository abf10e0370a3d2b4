internal import Bytes
internal import Retrieval
internal import Snapshots

/// Makes a user's vector out of a window, by the formula that made the trained ones (iALS, reference: Rendle and others,
/// RecSys 2022):
///
///     w = (α₀ G + Σ cᵢ hᵢ hᵢᵀ + reg I)⁻¹ Σ cᵢ hᵢ      reg = λ (n + α₀ |I|)^ν
///
/// over the n distinct items of the window that the catalogue knows, with confidences c = event's weight × decay of age.
/// The matrix without the window, A = α₀ G + reg I, is one of ten whose inverses the snapshot holds, so the rest is a
/// correction of rank n (Woodbury): with Z = A⁻¹ Hᵀ,
///
///     (C⁻¹ + H Z) s = 1,   w = Z s
///
/// n d² + n² d / 2 multiply-adds instead of d³ / 6 + n d² / 2, and the long part are dot products: 44,000 at 10 items
/// and 64 dimensions. Keeps its arrays; one worker's.
struct FoldIn: ~Copyable {
  /// Distinct items of the window, newest first, and their confidences.
  private(set) var items: [UInt32] = []
  private var confidences: [Float] = []
  /// n × dimension: H, and Zᵀ.
  private var rows: [Float] = []
  private var solved: [Float] = []
  /// n × n: C⁻¹ + H Z, then its Cholesky factor; and s.
  private var system: [Float] = []
  private var solution: [Float] = []
  private let kernels: Kernels

  /// An interaction counts half after a week: a window is ten events, whether of an evening or of a month.
  static let halfLifeSeconds: Float = 7 * 86_400
  /// However old, an event says something; and 1/c stays a number to add to.
  static let confidenceMin: Float = 0.05

  init(kernels: Kernels = .active) {
    self.kernels = kernels
    items.reserveCapacity(Window.eventsMax)
    confidences.reserveCapacity(Window.eventsMax)
  }

  static func confidence(of type: InteractionType, ageSeconds: Float) -> Float {
    max(confidenceMin, type.weight * powerOfTwo(-max(0, ageSeconds) / halfLifeSeconds))
  }

  /// Takes in the window's items that the model knows; returns how many. Repeated items add up.
  mutating func gather(_ window: Window, _ model: ServingModel, now: UInt32) -> Int {
    items.removeAll(keepingCapacity: true)
    confidences.removeAll(keepingCapacity: true)
    for event in 0..<window.count {
      guard let item = model.item(id: window.itemID(event)) else { continue }
      let age = Float(Int64(now) - Int64(window.time(event)))
      let confidence = Self.confidence(of: window.type(event), ageSeconds: age)
      if let known = items.firstIndex(of: item) {
        confidences[known] += confidence
      } else {
        items.append(item)
        confidences.append(confidence)
      }
    }
    return items.count
  }

  /// Writes w over `vector`. After `gather` found at least one item.
  mutating func solve(_ model: ServingModel, into vector: inout [Float]) {
    let d = model.dimension
    copyRows(model, d)
    applyInverse(model.foldIn.inverse(distinctItems: items.count), d)
    composeSystem(d)
    solveSystem()
    for place in 0..<d {
      var sum: Float = 0
      for row in items.indices { sum += solution[row] * solved[row * d + place] }
      vector[place] = sum
    }
  }

  private mutating func copyRows(_ model: ServingModel, _ d: Int) {
    rows.removeAll(keepingCapacity: true)
    let index = model.index
    for item in items {
      let vector = index.vector(of: item)
      let norm = model.foldIn.norm(item)
      for place in 0..<d { rows.append(vector[place] * norm) }
    }
  }

  private mutating func applyInverse(_ inverse: Column<Float>, _ d: Int) {
    solved.removeAll(keepingCapacity: true)
    let matrix = inverse.span
    // Borrowed from a local: a span of one stored array would lock the others.
    let rows = rows
    for row in items.indices {
      let h = rows.span.extracting(row * d..<(row + 1) * d)
      for place in 0..<d {
        let value = kernels.dot(matrix.extracting(place * d..<(place + 1) * d), h)
        solved.append(value)
      }
    }
  }

  private mutating func composeSystem(_ d: Int) {
    system.removeAll(keepingCapacity: true)
    let (rows, solved) = (rows, solved)
    for i in items.indices {
      let h = rows.span.extracting(i * d..<(i + 1) * d)
      for j in items.indices {
        let dot = kernels.dot(h, solved.span.extracting(j * d..<(j + 1) * d))
        system.append(i == j ? dot + 1 / confidences[i] : dot)
      }
    }
  }

  /// Cholesky on at most 10 × 10, then both substitutions. The matrix is positive definite: H A⁻¹ Hᵀ is not negative, and
  /// C⁻¹ at least 1/30 on the diagonal.
  private mutating func solveSystem() {
    let n = items.count
    solution.removeAll(keepingCapacity: true)
    for i in 0..<n {
      for j in 0...i {
        var sum = system[i * n + j]
        for k in 0..<j { sum -= system[i * n + k] * system[j * n + k] }
        system[i * n + j] = i == j ? max(sum, 1e-12).squareRoot() : sum / system[j * n + j]
      }
      var sum: Float = 1
      for k in 0..<i { sum -= system[i * n + k] * solution[k] }
      solution.append(sum / system[i * n + i])
    }
    for i in stride(from: n - 1, through: 0, by: -1) {
      for k in i + 1..<max(n, i + 1) { solution[i] -= system[k * n + i] * solution[k] }
      solution[i] /= system[i * n + i]
    }
  }
}
