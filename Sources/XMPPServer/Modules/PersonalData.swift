import NIOCore
import XML
import XMPP

/// A store with personal data, declared by its module (`ServerModule.personalData`): how it is exported, and whether it
/// ends with the account or its password. Export and erasure are loops over these declarations. They apply whether or
/// not a host has the module: its data stay when it is switched off.
///
/// Whatever an account owns is removed with it without a declaration: its settings, keys, contacts, archives, sessions,
/// and its values in every store.
public struct PersonalData: Sendable {
    /// How values are exported.
    public enum Export: Sendable {
        /// As stored.
        case stored
        /// As elements with a place of their own in the format, written from all values by key.
        case elements(@Sendable ([String: [UInt8]]) -> [UInt8])
        /// Described without its secrets: an element of that name with these attributes for each value.
        case described(StaticString, @Sendable ([UInt8], Host) -> Description?)
        /// Ordered maps (`MapStore`), of any size: in the portable format as elements with a place of their own, which the
        /// closure writes piece by piece; nil: another store's closure writes them.
        case maps(MapWriting?)
        /// Not at all: it is a secret, or is exported elsewhere.
        case secret
    }

    /// Attributes that tell of a value.
    public typealias Description = [(name: String, value: String)]
    /// Writes what an account has in maps.
    public typealias MapWriting =
        @Sendable (
            _ owner: JID, _ storage: any MapStorage & CommitQueue, _ write: (ByteBuffer) async throws -> Void
        ) async throws -> Void
    /// Makes the changes that remove what is kept about an account beside what it owns.
    public typealias Removal = @Sendable (_ account: JID, Host) async throws(StorageError) -> [StorageChange]

    /// The store's name.
    public let store: String
    public let export: Export
    /// Whether a change of the password removes it.
    public let endsWithPassword: Bool
    /// Whether an import restores it; false: it describes what is not in an export.
    public let isImported: Bool
    /// Selects the values about an account where the host owns them; nil: the account owns them.
    let isAbout: (@Sendable ([UInt8], JID, Host) -> Bool)?
    /// nil: accounts own all of it.
    let removal: Removal?

    /// Data of a store whose owners are accounts.
    public init(store: String, _ export: Export = .stored, endsWithPassword: Bool = false) {
        self.store = store
        self.export = export
        self.endsWithPassword = endsWithPassword
        isImported = true
        isAbout = nil
        removal = nil
    }

    /// Ordered maps whose owners are accounts.
    ///
    /// - Parameters:
    ///   - isImported: whether an import restores them.
    ///   - writing: writes all of them, and those of other stores, into the portable format.
    ///   - removal: what is kept about an account where the host owns it.
    public init(
        maps store: String, isImported: Bool = true, writing: MapWriting? = nil, removal: Removal? = nil
    ) {
        self.store = store
        export = .maps(writing)
        endsWithPassword = false
        self.isImported = isImported
        isAbout = nil
        self.removal = removal
    }

    /// Data of a store whose owner is the host. A damaged value is about nobody.
    ///
    /// - Parameters:
    ///   - name: of the elements that describe values in an export; nil: they are not exported.
    ///   - isAbout: whether a value is about the account with that bare JID.
    public init<Value: StoredValue>(
        ofHost store: String, _ type: Value.Type, describedAs name: StaticString? = nil,
        isAbout: @escaping @Sendable (Value, JID) -> Bool,
        _ describe: @escaping @Sendable (Value) -> Description = { _ in [] }
    ) {
        self.store = store
        export =
            name.map { .described($0) { bytes, host in host.value(fromOwn: bytes, of: store).map(describe) } }
            ?? .secret
        endsWithPassword = false
        isImported = false
        removal = nil
        self.isAbout = { bytes, account, host in
            host.value(fromOwn: bytes, of: store).map { isAbout($0, account) } ?? false
        }
    }

    /// The store of vCards. An account without one is exported with a card made from its settings.
    public static let cardStore = "vcard"
}
