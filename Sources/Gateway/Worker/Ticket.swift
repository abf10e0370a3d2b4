/// What a reply of memcached is for, as the number that it is asked under: the kind in the two highest bits.
enum Ticket {
  /// `Flights`, `WindowFetches`: the place in their pool, which is held until the reply has come.
  case list(Int)
  case window(Int)
  /// `Worker.windowUpdates`.
  case windowUpdate(UInt64)

  private static let kindShift: UInt64 = 62
  private static let placeMask: UInt64 = 1 << kindShift - 1

  var number: UInt64 {
    switch self {
    case .list(let place): UInt64(place)
    case .window(let place): 1 << Ticket.kindShift | UInt64(place)
    case .windowUpdate(let id): 2 << Ticket.kindShift | id
    }
  }

  init(_ number: UInt64) {
    let place = number & Ticket.placeMask
    switch number >> Ticket.kindShift {
    case 0: self = .list(Int(place))
    case 1: self = .window(Int(place))
    default: self = .windowUpdate(place)
    }
  }
}
