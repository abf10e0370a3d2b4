public import Snapshots

/// The index in a snapshot: nine sections, read in the same order by `IndexSections.read`.
///
///     idx.head   u32 layout, metric, items, dimension, lists, blocks; u64 seed, which gives the rotation
///     idx.cent   u4 tiles of unit centroids, turned; f32 value of half a step per list, padded to whole tiles
///     idx.list   u32 first block of each list and one more; f32 gain, cell width of the first block, padded to whole tiles
///     idx.blk    per block: f32 gain, cell width; u32 list; u8 items in it
///     idx.slot   u32 item of each slot, 32 a block; .max where there is none
///     idx.cell   two bits a dimension, by block (`kernels.h`)
///     idx.step   four more bits a dimension, by slot
///     idx.eff    u32 blocks, refined, rescored per recall and list length
///     vec.f32    exact rows in item order
enum IndexTag {
  static let head: SectionTag = "idx.head"
  static let centroids: SectionTag = "idx.cent"
  static let lists: SectionTag = "idx.list"
  static let blocks: SectionTag = "idx.blk"
  static let slots: SectionTag = "idx.slot"
  static let cells: SectionTag = "idx.cell"
  static let steps: SectionTag = "idx.step"
  static let efforts: SectionTag = "idx.eff"
  static let rows: SectionTag = "vec.f32"

  /// Changes when the meaning of any of these bytes does.
  static let layout: UInt32 = 2
}

extension BuiltIndex {
  /// What goes into a snapshot, in the order of the file.
  public var sections: [(tag: SectionTag, section: SectionBuilder)] {
    [
      (IndexTag.head, head), (IndexTag.centroids, centroidSection), (IndexTag.lists, listSection),
      (IndexTag.blocks, blockSection), (IndexTag.slots, column(items.buffer)), (IndexTag.cells, column(cells.buffer)),
      (IndexTag.steps, column(steps.buffer)), (IndexTag.efforts, effortSection), (IndexTag.rows, column(rows.buffer)),
    ]
  }

  private var head: SectionBuilder {
    var section = SectionBuilder()
    for value in [
      Int(IndexTag.layout), Int(view.metric.rawValue), view.count, view.dimension, view.listCount, view.blockCount,
    ] { section.scalar(UInt32(value)) }
    section.scalar(seed)
    return section
  }

  private var centroidSection: SectionBuilder {
    var section = SectionBuilder()
    section.column(centroids.buffer)
    section.column(centroidScales.buffer)
    return section
  }

  private var listSection: SectionBuilder {
    var section = SectionBuilder()
    section.column(firstBlocks.buffer)
    section.column(listGains.buffer)
    section.column(listWidths.buffer)
    return section
  }

  private var blockSection: SectionBuilder {
    var section = SectionBuilder()
    section.column(gains.buffer)
    section.column(widths.buffer)
    section.column(lists.buffer)
    section.column(fills.buffer)
    return section
  }

  private var effortSection: SectionBuilder {
    var section = SectionBuilder()
    section.column(efforts.blocks)
    section.column(efforts.refined)
    section.column(efforts.rescored)
    return section
  }

  private func column<T: BitwiseCopyable>(_ buffer: UnsafeBufferPointer<T>) -> SectionBuilder {
    var section = SectionBuilder(reservingBytes: buffer.count * MemoryLayout<T>.stride)
    section.column(buffer)
    return section
  }
}
