import XMPPServer

/// XEP-0060 §16.4.4: how a node is configured.
struct NodeConfiguration: Sendable, Equatable {
    /// §4.5: who may subscribe to a node and read it.
    enum AccessModel: String, Sendable, CaseIterable { case open, presence, roster, authorize, whitelist }
    /// Who may publish.
    enum PublishModel: String, Sendable, CaseIterable { case publishers, subscribers, open }
    /// When somebody is sent the item that was published last.
    enum SendLast: String, Sendable, CaseIterable {
        case never
        case onSubscription = "on_sub"
        case onSubscriptionAndPresence = "on_sub_and_presence"
    }
    /// Of which type notifications are.
    enum NotificationType: String, Sendable, CaseIterable { case normal, headline }
    /// Who is named to whom answers to a notification go.
    enum ItemReply: String, Sendable, CaseIterable { case owner, publisher }
    /// What becomes of an item for which there is no room, §7.1.2.5.
    enum WhenFull: String, Sendable, CaseIterable {
        case retractOldest = "retract-oldest"
        case discardOldest = "discard-oldest"
        case reject
    }

    var title = ""
    var description = ""
    var type = ""
    var language = ""
    var accessModel = AccessModel.open
    var rosterGroups: [String] = []
    var publishModel = PublishModel.publishers
    var takesSubscriptions = true
    var persistsItems = true
    /// nil: as many as the service keeps at most.
    var maximumItems: Int?
    /// Seconds; nil: none is removed because of its age.
    var itemExpiry: Int?
    /// Bytes; nil: as many as the service allows.
    var maximumPayload: Int?
    var whenFull = WhenFull.retractOldest
    var sendLast = SendLast.onSubscription
    var delivers = true
    var deliversPayloads = true
    var notifiesConfiguration = false
    var notifiesDeletion = true
    var notifiesRetraction = true
    var notifiesSubscriptions = false
    var isForAvailable = false
    var notificationType = NotificationType.headline
    var itemReply = ItemReply.owner

    /// What a node of an account is at first, XEP-0163 §5: the last item alone, for whoever may see the account's presence.
    static let personal: NodeConfiguration = {
        var configuration = NodeConfiguration()
        configuration.accessModel = .presence
        configuration.maximumItems = 1
        configuration.sendLast = .onSubscriptionAndPresence
        return configuration
    }()

    /// What a node of the service is at first.
    static let service = NodeConfiguration()

    // MARK: Fields

    private typealias Field = ConfigurationField<NodeConfiguration>

    /// All of them, by their names.
    private static let fields: [Field] = [
        .text("title", "A friendly name for the node", \.title),
        .text("description", "What the node is about", \.description),
        .text("type", "The type of payload data, such as its namespace", \.type),
        .text("language", "The default language of items", type: "list-single", \.language),
        .choice("access_model", "Who may subscribe and retrieve items", \.accessModel),
        Field(
            name: "roster_groups_allowed", type: "list-multi", label: "Groups of the contact list that may subscribe",
            get: { $0.rosterGroups }, set: { $0.rosterGroups = $1.filter { !$0.isEmpty } }),
        .choice("publish_model", "Who may publish", \.publishModel),
        .flag("subscribe", "Whether to allow subscriptions", \.takesSubscriptions),
        .flag("persist_items", "Whether to keep items", \.persistsItems),
        .number(
            "max_items", "How many items to keep; `max` for as many as the service keeps", none: "max", \.maximumItems),
        .number("item_expire", "Seconds after which items go; `max` for never", none: "max", \.itemExpiry),
        .number("max_payload_size", "How many bytes a payload may have", none: "", \.maximumPayload),
        .choice("publish_node_full", "What becomes of an item where the node is full", \.whenFull),
        .choice("send_last_published_item", "When to send the last published item", \.sendLast),
        .flag("deliver_notifications", "Whether to deliver event notifications", \.delivers),
        .flag("deliver_payloads", "Whether to deliver payloads with event notifications", \.deliversPayloads),
        .flag("notify_config", "Notify subscribers when the node configuration changes", \.notifiesConfiguration),
        .flag("notify_delete", "Notify subscribers when the node is deleted", \.notifiesDeletion),
        .flag("notify_retract", "Notify subscribers when items are removed from the node", \.notifiesRetraction),
        .flag("notify_sub", "Notify owners about new subscribers and unsubscribes", \.notifiesSubscriptions),
        .flag("presence_based_delivery", "Deliver event notifications only to available users", \.isForAvailable),
        .choice("notification_type", "The type of notifications", \.notificationType),
        .choice("itemreply", "Whom notifications name for replies", \.itemReply),
    ]

    private static let prefix = "pubsub#"
    private static let fieldsByName = Dictionary(uniqueKeysWithValues: fields.map { (prefix + $0.name, $0) })

    // MARK: Forms

    /// Changes what the form names, and nothing else.
    ///
    /// - Parameter maximumItems: as many as the service keeps.
    /// - Throws: `not-acceptable` for what is unknown or no value of a field, or beyond what the service does.
    mutating func apply(_ form: DataForm, maximumItems: Int) throws(StanzaError) {
        for (name, values) in form.fields {
            guard let field = Self.fieldsByName[name] else {
                // §16.4.4 has more than the service does: what switches it off is fine.
                if Self.isOff(name, values) { continue }
                throw .notAcceptable
            }
            try field.set(&self, values)
        }
        if let items = self.maximumItems, items < 1 || items > maximumItems { throw .notAcceptable }
        let byteCount = [title, description, type, language].reduce(0) { $0 + $1.utf8.count }
        guard byteCount <= Self.maximumTextBytes, rosterGroups.count <= Self.maximumGroups else { throw .notAcceptable }
    }

    private static let maximumTextBytes = 8 << 10
    private static let maximumGroups = 200

    /// Whether a field that the service does not know asks for nothing.
    private static func isOff(_ name: String, _ values: [String]) -> Bool {
        switch name {
        case prefix + "purge_offline", prefix + "tempsub": values == ["0"] || values == ["false"]
        case prefix + "collection", prefix + "dataform_xslt", prefix + "body_xslt", prefix + "contact":
            values.allSatisfy(\.isEmpty)
        case prefix + "node_type": values == ["leaf"]
        case prefix + "children", prefix + "children_max": values.allSatisfy(\.isEmpty)
        default: false
        }
    }

    /// Whether the form says of every field what the configuration says, §7.1.5: it may say that `max` is a number.
    func meets(_ form: DataForm, maximumItems: Int) -> Bool {
        var asked = self
        // What no node can be like, this one is not.
        do throws(StanzaError) { try asked.apply(form, maximumItems: .max) } catch { return false }
        if (asked.maximumItems ?? maximumItems) == (self.maximumItems ?? maximumItems) {
            asked.maximumItems = self.maximumItems
        }
        return asked == self
    }

    /// The fields with their values, for a form to be filled in.
    var fields: [FormField] {
        Self.fields.map {
            FormField(
                name: Self.prefix + $0.name, type: $0.type, label: $0.label, options: $0.options, values: $0.get(self))
        }
    }

    /// The fields that are otherwise than in `other`, by the names that a form has for them.
    func differences(from other: NodeConfiguration) -> [(name: String, values: [String])] {
        Self.fields.compactMap { field in
            let values = field.get(self)
            return values == field.get(other) ? nil : (Self.prefix + field.name, values)
        }
    }

    /// Changes one field to what was stored; a field that this version does not know is left out.
    ///
    /// - Throws: `not-acceptable` for no value of the field. Without it the node might be open to all.
    mutating func restore(_ name: String, _ values: [String]) throws(StanzaError) {
        try Self.fieldsByName[name]?.set(&self, values)
    }
}
