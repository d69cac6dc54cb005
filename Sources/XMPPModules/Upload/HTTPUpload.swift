import XMPPServer

/// XEP-0363: HTTP File Upload. A client announces a file, gets an address to send it to, and another one by which whoever
/// knows it can fetch it.
package struct HTTPUpload: ServerModule {
    package static let personalData = [
        PersonalData(store: UploadQuota.storeName),
        // An import has no bytes for them.
        PersonalData(maps: FileIndex.fileStore, isImported: false, writing: FileIndex.export) {
            account, host throws(StorageError) in
            let (files, changes) = try await FileIndex(of: host.jid, in: host.storage).leaving(with: account)
            let module = host.module(HTTPUpload.self)
            for file in files { module?.files.willBeRemoved(file, of: account) }
            return changes
        },
    ]

    package static let info = ModuleInfo(
        "http-upload", implements: [.xep(363, "1.2.0")], requires: ["disco"],
        summary: "Files for others, who fetch them by their addresses.",
        commands: CommandSet("upload", "Lists, shows, deletes and checks uploaded files, and sets quotas."))

    static let namespace: Namespace = "urn:xmpp:http:upload:0"
    static let purposes: Namespace = "urn:xmpp:http:upload:purpose:0"

    package let files: UploadedFiles
    private let host: Host
    package let settings: UploadSettings
    private let requests: AttemptLimit<JID>

    package init(host: Host, settings: UploadSettings) {
        self.host = host
        self.settings = settings
        files = UploadedFiles(of: host, settings)
        requests = AttemptLimit(limit: settings.slotsPerMinute, within: .seconds(60))
    }

    package func register(_ registrar: inout Registrar) {
        registrar.service("upload", at: settings.domain, name: "Files") { [self] service in
            service.identity(category: "store", type: "file", name: "HTTP File Upload")
            service.feature(Self.namespace)
            for purpose in UploadedFile.Purpose.allCases where takes(purpose) {
                service.feature(purpose.feature)
            }
            service.information(
                Self.namespace, [.init("max-file-size", "\(settings.maximumSize)")])
            service.clientIQ(.get, "request", Self.namespace, to: .server, needs: .chat, openSlot)
        }
        registrar.on(Hooks.accountRemoved, .deliver) { [files] event in
            files.accountRemoved(event.account.jid)
            return .go
        }
        registrar.on(Hooks.messageFromClient, .archive, messageSent)
        registrar.job(every: .seconds(60), files.removeExpired)
        registrar.job(every: .seconds(900), files.tidy)
        for command in commands { registrar.command(command) }
    }

    private func takes(_ purpose: UploadedFile.Purpose) -> Bool {
        purpose == .message || settings.purposes.contains(purpose)
    }

    // MARK: Slots, §4

    @Sendable private func openSlot(_ request: ClientRequest) -> Reply {
        guard let address = files.address else {
            return .error(StanzaError(.serviceUnavailable, text: "No HTTP listener serves this host."))
        }
        let file: UploadedFile
        switch announcedFile(request.payload) {
        case .success(let announced): file = announced
        case .failure(let error): return .error(error)
        }
        let type = request.payload["content-type"]
        guard requests.take(request.record.jid, at: host.uptime()) != nil else {
            return .error(retryLater("Too many files at once.", after: .seconds(60)))
        }
        let slot = UploadSlot(
            file, type: type, of: request.record, until: host.now() + settings.slotTime)
        return .async {
            do throws(StorageError) {
                guard try await files.open(slot) else {
                    return .error(retryLater("There is no room for this file.", after: settings.slotTime))
                }
                return .result { writer in
                    writer.element("slot", Self.namespace) { writer in
                        writer.element(
                            "put", nil, ["url": "\(address)\(UploadedFiles.path)\(slot.secret)/\(file.id)"])
                        writer.element("get", nil, ["url": "\(address)\(UploadedFiles.path)\(file.path)"])
                    }
                }
            } catch {
                return .error(host.report(error))
            }
        }
    }

    private func retryLater(_ text: String, after time: Duration) -> StanzaError {
        StanzaError(
            .resourceConstraint, text: text,
            detail: StanzaError.Detail(
                "retry", Self.namespace, attributes: [.init("stamp", (host.now() + time).xep0082)]))
    }

    private func announcedFile(_ request: Element) -> Result<UploadedFile, StanzaError> {
        guard let name = request["filename"].flatMap(Self.name), let size = request["size"].flatMap(Self.size),
            request["content-type"].map(Self.isMediaType) ?? true
        else { return .failure(.badRequest) }
        let element = request.children.first { $0.isIn(Self.purposes) }
        guard let purpose = element.map({ UploadedFile.Purpose(rawValue: $0.name) }) ?? .message, takes(purpose) else {
            return .failure(StanzaError(.notAcceptable, text: "No files are taken for this purpose."))
        }
        let maximum = purpose == .profile ? min(settings.profileSize, settings.maximumSize) : settings.maximumSize
        guard size <= maximum else {
            return .failure(
                StanzaError(
                    .notAcceptable, text: "File too large. The maximum file size is \(maximum) bytes.",
                    detail: StanzaError.Detail(
                        "file-too-large", Self.namespace, children: [.init("max-file-size", "\(maximum)")])))
        }
        let now = host.now()
        var end: Timestamp? = now + settings.lifetime
        switch purpose {
        case .message: break
        case .profile, .permanent: end = nil
        case .ephemeral:
            guard let wanted = element?["expire-before"].flatMap({ Timestamp($0) }), wanted > now else {
                return .failure(.badRequest)
            }
            end = end.map { min($0, wanted) }
        }
        return .success(
            UploadedFile(
                id: FileID(), name: name, size: size, type: .unknown, purpose: purpose, createdAt: now, expiresAt: end))
    }

    /// The last part of a path, in the form in which it can stand in an address.
    private static func name(_ text: String) -> String? {
        let name = text.split { $0 == "/" || $0 == "\\" }.last.map(String.init) ?? ""
        let hasControls = name.unicodeScalars.contains { $0.properties.generalCategory == .control }
        guard !name.isEmpty, ![".", ".."].contains(name), name.utf8.count <= 255, !hasControls else { return nil }
        return name
    }

    private static func size(_ text: String) -> Int? {
        guard let size = Int(text), size > 0, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return size
    }

    private static func isMediaType(_ text: String) -> Bool {
        text.utf8.count <= 255 && text.utf8.allSatisfy { (0x20...0x7E).contains($0) }
    }
}

extension Timestamp {
    /// The moment that is so much later.
    static func + (time: Timestamp, duration: Duration) -> Timestamp {
        Timestamp(milliseconds: time.milliseconds + Int64(duration / .milliseconds(1)))
    }
}
