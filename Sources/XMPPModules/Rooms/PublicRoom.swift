import XMPPServer

/// A room that everybody may know of, for lists of them.
public struct PublicRoom: Sendable {
    public let address: JID
    /// Its name, else the first part of its address.
    public let name: String
    /// What it is about; empty: its owners have not said.
    public let description: String
    /// The number of people who are there.
    public let people: Int
    /// Whether everybody may enter.
    public let isOpen: Bool

    init(_ address: JID, _ configuration: RoomConfiguration, people: Int) {
        self.address = address
        name = configuration.name.isEmpty ? address.local ?? "" : configuration.name
        description = configuration.description
        self.people = people
        isOpen = !configuration.isForMembers && !configuration.asksForPassword
    }
}

extension Host {
    /// The host's public rooms, up to 1,000, those with the most people first; none if it has no rooms.
    public func publicRooms() async throws(StorageError) -> [PublicRoom] {
        guard let service = modules.lazy.compactMap({ ($0 as? Rooms)?.service }).first else { return [] }
        return try await RoomSearch(service: service).all()
    }
}
