import TestSupport
import Testing

@testable import Trainer

struct SegmentationTests {
  /// `count` points around each of `blobs` centres that stand far apart.
  private func blobs(_ blobs: Int, of count: Int, dimension: Int, seed: UInt64) -> (points: PointTable, blob: [Int]) {
    var random = SeededRandom(seed: seed)
    var values: [Float] = []
    var blob: [Int] = []
    for point in 0..<blobs * count {
      blob.append(point % blobs)
      for place in 0..<dimension {
        let centre: Float = place == point % blobs ? 10 : 0
        values.append(centre + random.gaussian())
      }
    }
    return (PointTable(dimension: dimension, values: values), blob)
  }

  @Test func `k-means finds separated blobs`() {
    let (points, blob) = blobs(5, of: 60, dimension: 7, seed: 11)
    let clustering = KMeans(clusters: 5, seed: 1).cluster(points)
    #expect(clustering.sizes == [60, 60, 60, 60, 60])
    for cluster in 0..<5 {
      #expect(Set(blob.indices.filter { clustering.assignment[$0] == cluster }.map { blob[$0] }).count == 1)
    }
  }

  @Test func `a tiny case by hand`() {
    let points = PointTable(dimension: 1, values: [0, 1, 10, 11, 12])
    let clustering = KMeans(clusters: 2, seed: 3).cluster(points)
    #expect(Set(clustering.centroids.row(clustering.assignment[0])) == [0.5])
    #expect(Set(clustering.centroids.row(clustering.assignment[4])) == [11])
    #expect(abs(clustering.inertia - 2.5) < 1e-6)
    // a and b of the five points: (1, 11), (1, 10), (1.5, 9.5), (1, 10.5), (1.5, 11.5)
    let expected = (10.0 / 11 + 9.0 / 10 + 8 / 9.5 + 9.5 / 10.5 + 10 / 11.5) / 5
    #expect(abs(Silhouette(points, seed: 1).mean(of: clustering) - expected) < 1e-6)
  }

  @Test func `a seed gives the same clusters again`() {
    let (points, _) = blobs(3, of: 100, dimension: 20, seed: 12)
    let first = KMeans(clusters: 9, seed: 5).cluster(points)
    let second = KMeans(clusters: 9, seed: 5).cluster(points)
    #expect(first.assignment == second.assignment)
    #expect(first.inertia == second.inertia)
  }

  @Test func `fewer distinct points than clusters end nevertheless`() {
    let points = PointTable(dimension: 2, values: [Float](repeating: 1, count: 20))
    let clustering = KMeans(clusters: 4, seed: 1).cluster(points)
    #expect(clustering.inertia == 0)
    #expect(clustering.assignment.count == 10)
  }

  @Test(arguments: [2, 3, 5, 8])
  func `the silhouette tells how many blobs there are`(count: Int) {
    let (points, blob) = blobs(count, of: 80, dimension: 10, seed: UInt64(20 + count))
    var settings = SegmentSettings()
    settings.range = 2...12
    let segmenter = Segmenter(features: points, settings: settings)
    let vectors = blob.flatMap { [Float]([$0 == 0 ? 1 : 0, $0 == 0 ? 0 : 1]) }
    let segmentation = segmenter.segment(userVectors: vectors, dimension: 2) { _ in }
    #expect(segmentation.count == count)
    #expect(segmentation.sizes == [Int](repeating: 80, count: count))
    #expect(segmentation.silhouettes.count == 11)
  }

  @Test func `segments are numbered by size, with the mean direction of their users as centroid`() {
    let points = PointTable(dimension: 1, values: [0, 0.1, 10, 10.1, 10.2])
    var settings = SegmentSettings()
    settings.count = 2
    let vectors: [Float] = [2, 0, 4, 0, 0, 1, 0, 3, 0, 2]
    let segmentation = Segmenter(features: points, settings: settings).segment(userVectors: vectors, dimension: 2) {
      _ in
    }
    #expect(segmentation.sizes == [3, 2])
    #expect(segmentation.assignment == [1, 1, 0, 0, 0])
    #expect(segmentation.centroids == [0, 2, 3, 0])
    #expect(segmentation.middle == 0)
  }

  @Test func `features are standardised, cut at three deviations, and blocks weigh what they are said to`() {
    var features = UserFeatures(users: 4)
    features.addBlock([[1, 2, 3, 4], [0, 0, 5, 5], [7, 7, 7, 7]], weight: 1)
    let table = features.table()
    #expect(table.dimension == 2)
    let total = table.squaredNorms().reduce(0, +) / 4
    #expect(abs(total - 1) < 1e-6)
    #expect(abs(table.row(0)[1] + Float(0.5).squareRoot()) < 1e-6)

    var spike = [Double](repeating: 0, count: 99)
    spike.append(1000)
    var outlier = UserFeatures(users: 100)
    outlier.addBlock([spike], weight: 1)
    #expect(outlier.table().row(99)[0] == 3)
  }

  @Test func `few users have few segments`() {
    #expect(SegmentSettings.range(users: 2) == 1...1)
    #expect(SegmentSettings.range(users: 60) == 2...2)
    #expect(SegmentSettings.range(users: 610) == 4...24)
    #expect(SegmentSettings.range(users: 1_000_000) == 8...64)
    #expect(Segmenter.candidates(4...24) == [4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20, 22, 24])
  }
}
