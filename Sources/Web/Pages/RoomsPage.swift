import Hummingbird
import Synchronization
import XMPP
import XMPPModules
import XMPPServer

/// The directory of a host's public rooms, for everybody.
struct RoomsPage: WebModule {
    static let info = ModuleInfo(
        "rooms-page", implements: [], requires: ["rooms"], summary: "A page that lists the public rooms.")

    /// Rooms on the page.
    private static let shown = 100

    /// The list is made anew after a while, once for all that ask meanwhile: anybody may ask, as often as they want.
    private final class Known: Sendable {
        static let age = Duration.seconds(60)
        let list = Mutex<(rooms: [PublicRoom], at: Duration)?>(nil)
        let turns = OneAtATime<Int>()
    }

    private let host: Host
    private let known = Known()

    init(host: Host, settings: NoSettings) {
        self.host = host
    }

    func register(_ registrar: inout Registrar) {}

    func register(on site: inout WebSite.Builder) {
        site.addLink("Rooms", to: "/rooms")
        site.router.get("/rooms") { [self] request, context in
            let search = String((request.query?["search"] ?? "").prefix(100))
            return await page(try await rooms(), search).response(for: Visitor(request, context), context)
        }
    }

    private func rooms() async throws(StorageError) -> [PublicRoom] {
        try await known.turns.run(for: 0) { () async throws(StorageError) in
            let now = host.uptime()
            if let known = known.list.withLock({ $0 }), now - known.at < Known.age { return known.rooms }
            let rooms = try await host.publicRooms()
            known.list.withLock { $0 = (rooms, now) }
            return rooms
        }
    }

    private func page(_ rooms: [PublicRoom], _ search: String) -> Page {
        let words = search.lowercased().split(whereSeparator: \.isWhitespace)
        let found = rooms.filter { room in
            let text = "\(room.name) \(room.address) \(room.description)".lowercased()
            return words.allSatisfy { text.contains($0) }
        }
        let entries: [[String: any Sendable]] = found.prefix(Self.shown).map { room in
            var entry: [String: any Sendable] = [
                "name": room.name, "address": room.address.string, "isClosed": !room.isOpen,
                "people": room.people == 1 ? "1 person" : "\(room.people) people",
                "link": "xmpp:\(Percent.encode(room.address.local ?? ""))@\(room.address.domain)?join",
            ]
            if !room.description.isEmpty { entry["about"] = room.description }
            return entry
        }
        return Page(
            "rooms", title: "Rooms",
            [
                "search": search, "rooms": entries, "hasRooms": !entries.isEmpty,
                "isMore": found.count > Self.shown,
            ])
    }
}
