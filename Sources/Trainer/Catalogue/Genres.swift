/// What the shelves of the made-up bookshop hold: genres, their themes, and the words of which titles are made.
///
/// In patterns, `{a}` is an adjective, `{n}` and `{m}` two nouns of the theme, `{p}` a place.
struct Genre {
  struct Theme {
    let name: String
    let nouns: [String]
  }

  let name: String
  let adjectives: [String]
  let patterns: [String]
  let themes: [Theme]

  init(_ name: String, _ adjectives: String, _ patterns: [String], _ themes: [(String, String)]) {
    self.name = name
    self.adjectives = Self.words(adjectives)
    self.patterns = patterns
    self.themes = themes.map { Theme(name: $0.0, nouns: Self.words($0.1)) }
  }

  private static func words(_ list: String) -> [String] {
    list.split(separator: ",").map { trimmedBlanks($0) }
  }

  static let places = words(
    """
    Harrow Bay, Linden Street, Port Sorrel, Kestrel Hill, Marrow Lane, Aldermoor, Saint Brannoc, Thornbury, Cold Harbour,
    Vesper Island, Greywater, Mill End, Rosemary Court, Ashby Green, the Old Quay, North Ferry, Calder Valley, Pinewood
    """)

  static let givenNames = words(
    """
    Ada, Bram, Clara, Dov, Elena, Farid, Greta, Hugo, Ines, Jonas, Kira, Leon, Mira, Nils, Olga, Pablo, Quinn, Rosa, Samir,
    Tessa, Umar, Vera, Wim, Yuki, Zora
    """)

  static let familyNames = words(
    """
    Abbott, Brandt, Castellan, Dufour, Ekwueme, Fairley, Greenaway, Halvorsen, Iwata, Jansen, Kowalska, Lindqvist, Marlowe,
    Novak, Okafor, Petrov, Quiroga, Rasmussen, Sorley, Tanaka, Ullman, Varga, Whitcombe, Yilmaz, Zeller
    """)

  static let all: [Genre] = [
    Genre(
      "Crime", "Silent, Last, Missing, Crooked, Second, Cold, Hidden, Broken, Patient, Unmarked",
      ["The {a} {n}", "The {n} of {p}", "A {n} in {p}", "{n} and {m}", "The {n} Who Knew", "No {n} for {p}"],
      [
        ("Detectives", "Inspector, Witness, Alibi, Confession, Verdict, Clue, Suspect, Motive, Stranger, Informer"),
        ("Heists", "Vault, Forger, Safe, Diamond, Getaway, Accomplice, Ledger, Decoy, Syndicate, Swindle"),
        (
          "Small-Town Secrets",
          "Neighbour, Well, Rumour, Funeral, Ferry, Orchard, Sister, Photograph, Barn, Postmistress"
        ),
      ]),
    Genre(
      "Fantasy", "Ashen, Thirteenth, Hollow, Burning, Sleeping, Silver, Forsworn, Winter, Nameless, Golden",
      ["The {a} {n}", "{n} of {m}s", "The {n} and the {m}", "A {n} of Ash", "Song of the {n}", "The {a} {n} of {p}"],
      [
        ("Dragons", "Dragon, Ember, Wyrm, Rider, Scale, Hoard, Flame, Aerie, Claw, Egg"),
        ("Court Magic", "Crown, Throne, Regent, Sorcerer, Oath, Heir, Mirror, Council, Ring, Masque"),
        ("Deep Woods", "Witch, Thorn, Raven, Moss, Hearth, Fox, Antler, Spindle, Briar, Wolf"),
      ]),
    Genre(
      "Science Fiction", "Distant, Silent, Last, Recursive, Orbital, Cold, Infinite, Fractured, Second, Drifting",
      ["{a} {n}", "The {n} Protocol", "Beyond the {n}", "The {a} {n}", "{n} at {m} Station", "Children of the {n}"],
      [
        ("Deep Space", "Nebula, Ark, Orbit, Pilot, Comet, Horizon, Signal, Airlock, Pulsar, Convoy"),
        ("Machines", "Android, Circuit, Oracle, Kernel, Automaton, Mind, Drone, Mainframe, Replica, Engine"),
        ("After the Fall", "Flood, Shelter, Seedbank, Road, Silo, Survivor, Dust, Beacon, Scavenger, Harvest"),
      ]),
    Genre(
      "Romance", "Unexpected, Late, Reluctant, Summer, Borrowed, Perfect, Secret, Second, Midnight, Wayward",
      ["The {a} {n}", "A {n} in {p}", "{n} for Two", "My {a} {n}", "The {n} Next Door", "Love and Other {n}s"],
      [
        ("Summer", "Lighthouse, Beach House, Ferry, Lifeguard, Postcard, Sunset, Regatta, Cottage, Holiday, Swim"),
        ("Weddings", "Bridesmaid, Vow, Groom, Bouquet, Invitation, Veil, Waltz, Proposal, Guest, Toast"),
        ("Bookish", "Bookshop, Librarian, Letter, Poet, Manuscript, Rival, Editor, Margin, Reader, Chapter"),
      ]),
    Genre(
      "History", "Forgotten, Long, Divided, First, Iron, Lost, Great, Hidden, Burning, Restless",
      [
        "The {a} {n}", "{n}: A History", "A Brief History of the {n}", "{n} and {m}", "How the {n} Was Won",
        "The {n} of {p}",
      ],
      [
        ("Ancient World", "Legion, Pharaoh, Temple, Oracle, Aqueduct, Republic, Scribe, Chariot, Colossus, Senate"),
        ("Seafaring", "Armada, Compass, Frigate, Spice Route, Whaler, Harbour, Chart, Mutiny, Galleon, Lighthouse"),
        ("Modern Times", "Railway, Armistice, Telegraph, Factory, Strike, Border, Embassy, Radio, Election, Wall"),
      ]),
    Genre(
      "Cooking", "Simple, Slow, Everyday, Honest, Bright, Wild, Quick, Modern, Sunday, Good",
      ["{a} {n}", "The {a} {n}", "{n} and {m}", "The {n} Table", "{n} for Friends", "A Year of {n}"],
      [
        ("Baking", "Sourdough, Pastry, Crumb, Rye, Butter, Brioche, Oven, Cake, Starter, Biscuit"),
        ("Vegetables", "Roots, Greens, Beans, Squash, Herbs, Pickles, Broth, Lentils, Garden, Tomato"),
        ("Street Food", "Dumpling, Noodle, Taco, Skewer, Curry, Market, Wok, Flatbread, Chili, Griddle"),
      ]),
    Genre(
      "Nature", "Quiet, Wild, Deep, Returning, Hidden, Ancient, Small, Northern, Secret, Patient",
      [
        "The {a} {n}", "{n} and {m}", "A Field Guide to the {n}", "The Secret Life of the {n}", "In Search of the {n}",
        "{n} Season",
      ],
      [
        ("Birds", "Swift, Heron, Owl, Wren, Kestrel, Albatross, Nest, Migration, Crane, Feather"),
        ("Forests", "Oak, Fern, Fungus, Canopy, Root, Beech, Lichen, Clearing, Seed, Badger"),
        ("Oceans", "Whale, Reef, Tide, Octopus, Kelp, Current, Seal, Trench, Lagoon, Plankton"),
      ]),
    Genre(
      "Travel", "Slow, Long, Last, Northern, Unlikely, Crooked, High, Dusty, Winter, Open",
      [
        "The {a} {n}", "{n} to {p}", "A {n} at the Edge of the Map", "Notes from a {a} {n}", "One {n}, Two {m}s",
        "The {n} Diaries",
      ],
      [
        ("Mountains", "Pass, Summit, Glacier, Rope, Ridge, Hut, Trail, Avalanche, Valley, Sherpa"),
        ("Rails", "Sleeper, Platform, Carriage, Timetable, Junction, Express, Station, Conductor, Viaduct, Line"),
        ("Cities", "Rooftop, Market, Bridge, Metro, Square, Alley, Café, Canal, Quarter, Tram"),
      ]),
    Genre(
      "Children", "Brave, Tiny, Grumpy, Upside-Down, Very Hungry, Sleepy, Curious, Forgetful, Striped, Noisy",
      [
        "The {a} {n}", "{n} and {m}", "Goodnight, {n}", "Where Is the {n}?", "The {n} Who Could Not Sleep",
        "A {n} Called {m}",
      ],
      [
        ("Animals", "Hedgehog, Otter, Bear, Mouse, Penguin, Giraffe, Duck, Snail, Rabbit, Elephant"),
        ("Adventures", "Pirate, Rocket, Treehouse, Treasure, Balloon, Submarine, Castle, Knight, Map, Robot"),
        ("School Days", "Teacher, Backpack, Lunchbox, Goalkeeper, Spelling Bee, Bus, Classroom, Recess, Drum, Pencil"),
      ]),
    Genre(
      "Technology", "Practical, Distributed, Reliable, Small, Elegant, Hidden, Patient, Minimal, Modern, Working",
      ["{a} {n}s", "The {n} Handbook", "{n}s in Practice", "Designing {n}s", "The {a} {n}", "{n}s and {m}s"],
      [
        ("Programming", "Compiler, Type, Function, Pointer, Parser, Thread, Iterator, Macro, Protocol, Closure"),
        ("Data", "Database, Index, Query, Pipeline, Model, Vector, Schema, Warehouse, Matrix, Stream"),
        ("Networks", "Packet, Router, Cache, Socket, Gateway, Cluster, Queue, Load Balancer, Firewall, Proxy"),
      ]),
    Genre(
      "Poetry", "Small, Blue, Unfinished, Bare, Second, Evening, Broken, Late, Slow, Salt",
      ["{a} {n}s", "{n} and {m}", "The {n} Before {m}", "Letters to a {n}", "{n}, {m}, Silence", "What the {n} Said"],
      [
        ("Love Poems", "Hand, Kiss, Window, Name, Rose, Mouth, Promise, Bed, Absence, Ribbon"),
        ("Landscapes", "Field, River, Stone, Snow, Marsh, Hill, Cloud, Lake, Furrow, Heath"),
        ("City Verse", "Neon, Lamp, Pavement, Subway, Rain, Balcony, Siren, Bakery, Bus Stop, Shadow"),
      ]),
    Genre(
      "Wellbeing", "Calm, Better, Gentle, Clear, Strong, Mindful, Slow, Rested, Steady, Light",
      [
        "The {a} {n}", "{a} {n}, Better Life", "The {n} Habit", "Thirty Days of {n}", "{n} for Beginners",
        "The Art of {n}",
      ],
      [
        ("Running", "Stride, Marathon, Pace, Breath, Endurance, Trail, Recovery, Sprint, Finish, Training"),
        ("Meditation", "Stillness, Attention, Silence, Sitting, Presence, Kindness, Awareness, Rest, Pause, Balance"),
        ("Sleep", "Sleep, Dream, Night, Nap, Evening, Dusk, Morning, Insomnia, Rhythm, Pillow"),
      ]),
  ]
}
