/// Something in which two configurations differ.
public struct ConfigurationChange: Sendable, Hashable {
    /// When a running server goes by it.
    public enum Effect: String, Codable, Sendable {
        /// At once, also for those who are connected.
        case now
        /// For connections that are made from now on.
        case connections
        /// When the server is started anew.
        case restart
    }

    /// Where it stands in the file, such as `hosts.chat.example.limits`.
    public let place: String
    /// What becomes different, in a few words.
    public let change: String
    public let effect: Effect
}

extension ServerConfiguration {
    /// All in which the configuration differs from the one that a server runs with.
    public func changes(from former: ServerConfiguration) -> [ConfigurationChange] {
        var changes: [ConfigurationChange] = []
        func note(_ place: String, _ effect: ConfigurationChange.Effect, _ change: String = "other settings") {
            changes.append(ConfigurationChange(place: place, change: change, effect: effect))
        }
        if data != former.data { note("data", .restart) }
        if log.level != former.log.level { note("log.level", .now, "\(former.log.level) becomes \(log.level)") }
        if log.format != former.log.format { note("log.format", .restart, "another form") }
        if limits.eventLoops != former.limits.eventLoops { note("limits.event-loops", .restart) }
        if limits.traceSize != former.limits.traceSize { note("limits.trail-size", .restart) }
        if limits.live != former.limits.live { note("limits", .now) }
        for host in hosts {
            guard let known = former.host(host.domain) else {
                note("hosts.\(host.domain)", .now, "is served")
                continue
            }
            changes += host.changes(from: known)
        }
        for host in former.hosts where self.host(host.domain) == nil {
            note("hosts.\(host.domain)", .now, "is served no more; its streams end")
        }
        changes += Self.changes(listeners.map(Place.init), from: former.listeners.map(Place.init), "listeners")
        changes += Self.changes(
            httpListeners.map(Place.init), from: former.httpListeners.map(Place.init), "http-listeners")
        changes += Self.changes(
            componentListeners.map(Place.init), from: former.componentListeners.map(Place.init), "component-listeners")
        return changes
    }

    /// A listener by its addresses and its port.
    private struct Place {
        let name: String
        let settings: AnyHashable

        init(_ listener: ListenerConfiguration) {
            name = Self.name(listener.addresses, listener.port)
            settings = listener
        }

        init(_ listener: HTTPListenerConfiguration) {
            name = Self.name(listener.addresses, listener.port)
            settings = listener
        }

        init(_ listener: ComponentListenerConfiguration) {
            name = Self.name(listener.addresses, listener.port)
            settings = listener
        }

        private static func name(_ addresses: [IPAddress], _ port: Int) -> String {
            "\(addresses.map(\.description).joined(separator: ", ")) port \(port)"
        }
    }

    private static func changes(_ new: [Place], from former: [Place], _ key: String) -> [ConfigurationChange] {
        let opened = new.filter { place in !former.contains { $0.name == place.name } }
        let closed = former.filter { place in !new.contains { $0.name == place.name } }
        let changed = new.filter { place in
            former.contains { $0.name == place.name } && !former.contains { $0.settings == place.settings }
        }
        return opened.map { ConfigurationChange(place: key, change: "\($0.name) is opened", effect: .now) }
            + closed.map { ConfigurationChange(place: key, change: "\($0.name) is closed", effect: .now) }
            + changed.map {
                ConfigurationChange(place: key, change: "\($0.name) has other settings", effect: .connections)
            }
    }
}

extension HostConfiguration {
    fileprivate func changes(from former: HostConfiguration) -> [ConfigurationChange] {
        var changes: [ConfigurationChange] = []
        func note(_ place: String, _ effect: ConfigurationChange.Effect, _ change: String = "other settings") {
            changes.append(ConfigurationChange(place: "hosts.\(domain).\(place)", change: change, effect: effect))
        }
        if certificate != former.certificate || key != former.key { note("certificate", .connections, "another file") }
        if webAddress != former.webAddress { note("web-address", .now, "another address") }
        if authentication != former.authentication { note("authentication", .connections) }
        if stanzas != former.stanzas { note("stanzas", .now) }
        if streams != former.streams { note("streams", .connections) }
        if limits != former.limits { note("limits", .connections) }
        for component in components {
            switch former.components.first(where: { $0.domain == component.domain }) {
            case nil: note("components.\(component.domain)", .now, "is served")
            case let known? where known != component: note("components.\(component.domain)", .now)
            case .some: break
            }
        }
        for component in former.components where !components.contains(where: { $0.domain == component.domain }) {
            note("components.\(component.domain)", .now, "is served no more")
        }
        for module in modules {
            switch former.modules.first(where: { $0.info.name == module.info.name }) {
            case nil: note("modules.\(module.info.name)", .now, "is switched on")
            case let known? where !known.isSame(as: module): note("modules.\(module.info.name)", .now)
            case .some: break
            }
        }
        for module in former.modules where !modules.contains(where: { $0.info.name == module.info.name }) {
            note("modules.\(module.info.name)", .now, "is switched off")
        }
        return changes
    }
}
