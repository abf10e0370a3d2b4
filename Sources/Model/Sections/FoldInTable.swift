internal import Snapshots

/// What turns a window into a user: see `FoldIn` for the formula.
///
///     foldin    f32 α₀, λ, ν; u64 |I|; f32 G, dimension²; f32 inverses, eventsMax × dimension²
///
/// Inverse n - 1 is (α₀ G + reg(n) I)⁻¹ with reg(n) = λ (n + α₀ |I|)^ν, n the number of distinct items in the window. A
/// window has at most ten, so all the inverses there can be stand ready: 160 KiB at 64 dimensions.
struct FoldInTable: Sendable {
  let alpha0, lambda, nu: Float
  let itemCount: Int
  let gram: Column<Float>
  private let inverses: Column<Float>
  private let dimension: Int
  /// With the cosine metric rows are kept normalised: what each was multiplied by.
  ///
  ///     itm.norm  f32 norm of each item's vector as it was given; only with the cosine metric
  private let norms: Column<Float>?

  init(_ snapshot: Snapshot, _ head: ModelHead) throws(SnapshotError) {
    let square = head.dimension * head.dimension
    dimension = head.dimension
    (alpha0, lambda, nu, itemCount, gram, inverses) = try snapshot.read(ModelTag.foldIn) {
      (reader) throws(SnapshotError) -> (Float, Float, Float, Int, Column<Float>, Column<Float>) in
      let settings = (try reader.float(), try reader.float(), try reader.float(), try reader.count(max: 1 << 40))
      guard settings.0 >= 0, settings.1 > 0, settings.2 >= 0, settings.0.isFinite, settings.1.isFinite,
        settings.2.isFinite
      else {
        throw reader.invalid("has settings that no training can have", code: .nonFiniteValues)
      }
      let gram = try reader.finite(square)
      return (settings.0, settings.1, settings.2, settings.3, gram, try reader.finite(Window.eventsMax * square))
    }
    norms =
      head.metric == .dot
      ? nil : try snapshot.read(ModelTag.norms) { (reader) throws(SnapshotError) in try reader.finite(head.items) }
  }

  /// (α₀ G + reg(n) I)⁻¹ for n distinct items, 1…10.
  func inverse(distinctItems n: Int) -> Column<Float> {
    let square = dimension * dimension
    return inverses.extracting((n - 1) * square..<n * square)
  }

  func norm(_ item: UInt32) -> Float { norms?[Int(item)] ?? 1 }

  static func write(
    _ content: ModelContent, to file: inout ModelFile
  ) throws(ModelContentError) {
    let settings = content.foldIn
    var section = SectionBuilder()
    section.float(settings.alpha0)
    section.float(settings.lambda)
    section.float(settings.nu)
    section.count(settings.itemCount)
    section.column(settings.gram)
    var inverses: [Float] = []
    for n in 1...Window.eventsMax {
      guard let inverse = settings.inverse(distinctItems: n, dimension: content.dimension) else {
        throw .invalid("the Gram matrix of fold-in is not one: α₀ G + reg I cannot be inverted")
      }
      inverses += inverse
    }
    section.column(inverses)
    try file.add(ModelTag.foldIn, section)
    guard content.metric == .cosine else { return }
    var norms = SectionBuilder()
    norms.column(
      (0..<content.items.count).map { item in
        let row = content.itemVectors[item * content.dimension..<(item + 1) * content.dimension]
        return Float(row.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot())
      })
    try file.add(ModelTag.norms, norms)
  }
}

extension ModelContent.FoldInSettings {
  /// (α₀ G + reg(n) I)⁻¹ in double precision, by Cholesky's decomposition; nil unless the matrix is positive definite.
  /// O(dimension³).
  func inverse(distinctItems n: Int, dimension d: Int) -> [Float]? {
    var lower = gram.map { Double(alpha0) * Double($0) }
    let reg = regularization(distinctItems: n)
    for place in 0..<d { lower[place * d + place] += reg }
    guard reg > 0, factor(&lower, d) else { return nil }
    invertLower(&lower, d)
    // A⁻¹ = L⁻ᵀ L⁻¹.
    var inverse = [Float](repeating: 0, count: d * d)
    lower.withUnsafeBufferPointer { lower in
      for i in 0..<d {
        for j in 0...i {
          var sum = 0.0
          for k in i..<d { sum += lower[k * d + i] * lower[k * d + j] }
          inverse[i * d + j] = Float(sum)
          inverse[j * d + i] = Float(sum)
        }
      }
    }
    return inverse.allSatisfy(\.isFinite) ? inverse : nil
  }

  /// λ (n + α₀ |I|)^ν, the weight of |w|².
  func regularization(distinctItems n: Int) -> Double {
    Double(lambda) * power(Double(n) + Double(alpha0) * Double(itemCount), Double(nu))
  }
}

/// Replaces the lower triangle of a symmetric matrix by its Cholesky factor; false unless it is positive definite.
private func factor(_ matrix: inout [Double], _ d: Int) -> Bool {
  matrix.withUnsafeMutableBufferPointer { a in
    for j in 0..<d {
      var pivot = a[j * d + j]
      for k in 0..<j { pivot -= a[j * d + k] * a[j * d + k] }
      guard pivot > 0, pivot.isFinite else { return false }
      let root = pivot.squareRoot()
      a[j * d + j] = root
      for i in j + 1..<d {
        var sum = a[i * d + j]
        for k in 0..<j { sum -= a[i * d + k] * a[j * d + k] }
        a[i * d + j] = sum / root
      }
    }
    return true
  }
}

/// Replaces a lower triangle by its inverse.
private func invertLower(_ matrix: inout [Double], _ d: Int) {
  matrix.withUnsafeMutableBufferPointer { a in
    for j in 0..<d {
      a[j * d + j] = 1 / a[j * d + j]
      for i in j + 1..<d {
        var sum = 0.0
        for k in j..<i { sum -= a[i * d + k] * a[k * d + j] }
        // Row i's own diagonal is inverted when j reaches i.
        a[i * d + j] = sum / a[i * d + i]
      }
    }
  }
}
