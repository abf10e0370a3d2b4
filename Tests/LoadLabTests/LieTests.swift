import Testing

@testable import LoadLab

struct MetaReplyTests {
  private static let stream = "VA 5 f1 O7\r\nab\r\nc\r\nEN O8\r\nHD O9\r\nMN\r\n"

  @Test func `a value that holds line ends is one reply`() {
    var bytes = Array(Self.stream.utf8)
    let replies = MetaReply.take(from: &bytes)
    #expect(bytes.isEmpty)
    #expect(
      replies == [
        MetaReply(words: ["VA", "5", "f1", "O7"], value: Array("ab\r\nc".utf8)), MetaReply(words: ["EN", "O8"]),
        MetaReply(words: ["HD", "O9"]), MetaReply(words: ["MN"]),
      ])
    #expect(replies.flatMap(\.bytes) == Array(Self.stream.utf8))
  }

  @Test func `replies split anywhere are the same replies`() {
    let whole = Array(Self.stream.utf8)
    for split in 0...whole.count {
      var pending = Array(whole[..<split])
      var replies = MetaReply.take(from: &pending)
      pending += whole[split...]
      replies += MetaReply.take(from: &pending)
      #expect(replies.flatMap(\.bytes) == whole, "split at \(split)")
      #expect(replies.count == 4, "split at \(split)")
      #expect(pending.isEmpty, "split at \(split)")
    }
  }
}

struct LieTests {
  private let reply = MetaReply(words: ["VA", "4", "f1", "O17"], value: Array("true".utf8))

  private func said(_ lie: Lie, draw: Int = 5) -> String {
    String(decoding: lie.deed(for: reply, earlier: Array("earlier".utf8), draw: draw).send, as: UTF8.self)
  }

  @Test func `every lie differs from the truth, whatever is drawn`() {
    for lie in Lie.allCases {
      for draw in 0..<200 {
        let deed = lie.deed(for: reply, earlier: Array("earlier".utf8), draw: draw)
        #expect(deed != Lie.Deed(send: reply.bytes), "\(lie.rawValue), draw \(draw)")
      }
    }
  }

  @Test func `another key's value stands under the head that was asked for`() {
    #expect(said(.otherValue) == "VA 7 f1 O17\r\nearlier\r\n")
  }

  @Test func `the opaque is another's`() {
    #expect(said(.wrongOpaque) == "VA 4 f1 O11\r\ntrue\r\n")
    let noop = Lie.wrongOpaque.deed(for: MetaReply(words: ["MN"]), earlier: nil, draw: 0)
    #expect(noop.send == Array("NF\r\n".utf8))
  }

  @Test func `a flipped bit leaves the length as it was`() {
    let text = said(.flippedBit)
    #expect(text.hasPrefix("VA 4 f1 O17\r\n"))
    #expect(!text.contains("true"))
  }

  @Test func `half a reply ends or falls silent`() {
    let closed = Lie.halfThenClosed.deed(for: reply, earlier: nil, draw: 0)
    #expect(closed.send.count == reply.bytes.count / 2)
    #expect(closed.after == .close)
    #expect(Lie.halfThenSilence.deed(for: reply, earlier: nil, draw: 0).after == .silence)
  }
}
