import Foundation
import Hummingbird
import NIOCore
import XML
import XMPP
import XMPPModules
import XMPPServer

/// The pages of an account.
enum AccountPages {
    static func register(on router: Router<WebContext>) {
        router.get("/account") { request, context in
            guard let (visitor, record) = try await context.person(request) else {
                return SignInPages.detour(from: request)
            }
            let last = request.uri.queryParameters.get("files-behind").flatMap { FileID($0) }
            return try await page(record, context, filesBehind: last).response(for: visitor, context)
        }
        router.get("/account/photo", use: photo)
        router.get("/account/export.xml") { try await export($0, $1, as: .xep0227) }
        router.get("/account/export.json") { try await export($0, $1, as: .json) }
        router.get("/account/delete") { request, context in
            guard let (visitor, _) = try await context.person(request) else { return SignInPages.detour(from: request) }
            return await deletePage().response(for: visitor, context)
        }
        router.get("/account/history/delete") { request, context in
            try await confirmation(
                request, context,
                Confirmation(
                    title: "Delete your history?",
                    text: "All messages that are kept for you are removed, on all your devices. Nobody can undo this.",
                    action: "/account/history", fields: [("keep", "delete")], button: "Delete your history",
                    back: "/account"))
        }
        router.get("/account/photo/remove") { request, context in
            try await confirmation(
                request, context,
                Confirmation(
                    title: "Remove your photo?", text: "Others do not see it any more, and it is kept nowhere.",
                    action: "/account/photo", fields: [("action", "remove")], isMultipart: true,
                    button: "Remove photo", back: "/account"))
        }
        router.get("/account/files/delete") { request, context in
            try await confirmation(
                request, context,
                Confirmation(
                    title: "Delete the file?", text: "Nobody whom you have sent it to can get it any more.",
                    action: "/account/files", fields: [("file", request.uri.queryParameters.get("file") ?? "")],
                    button: "Delete the file", back: "/account"))
        }
        router.get("/account/photo.js") { _, _ in
            Response(
                status: .ok, headers: [.contentType: "text/javascript; charset=utf-8", .cacheControl: "max-age=3600"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: PhotoScript.text)))
        }
        router.post("/account/photo", use: setPhoto)
        post("/account/profile", router, setProfile)
        post("/account/history", router, setHistory)
        post("/account/apps", router, signOutApp)
        post("/account/files", router, deleteFile)
        router.post("/account/password", use: setPassword)
        router.post("/account/delete", use: delete)
    }

    /// The confirmation page of something that cannot be undone.
    private static func confirmation(
        _ request: Request, _ context: WebContext, _ confirmation: Confirmation
    ) async throws -> Response {
        guard let (visitor, _) = try await context.person(request) else { return SignInPages.detour(from: request) }
        return await confirmation.page.response(for: visitor, context)
    }

    /// The outcome of a change: a sentence for the person.
    private enum Outcome {
        case done(String)
        case problem(String)
    }

    /// Adds a form that leads back to the account's page.
    private static func post(
        _ path: RouterPath, _ router: Router<WebContext>,
        _ body: @escaping @Sendable (AccountRecord, Form, WebContext) async throws -> Outcome
    ) {
        router.post(path) { request, context in
            guard let (visitor, record) = try await context.person(request) else {
                return Response.seeOther("/sign-in?next=/account")
            }
            let form = try await request.form(context)
            try visitor.check(form["form-key"], context.site)
            return try await answer(body(record, form, context), record, visitor, context)
        }
    }

    /// Success is shown on the page that the browser loads next, an error on the page with the form.
    private static func answer(
        _ outcome: Outcome, _ record: AccountRecord, _ visitor: Visitor, _ context: WebContext
    ) async throws -> Response {
        switch outcome {
        case .done(let text): visitor.response(showing: text, on: "/account", context)
        case .problem(let text): try await page(record, context, problem: text).response(for: visitor, context)
        }
    }

    // MARK: The page

    private static func page(
        _ record: AccountRecord, _ context: WebContext, filesBehind last: FileID? = nil, problem: String? = nil
    ) async throws -> Page {
        let account = record.account
        let storage = context.host.storage
        let grants = try await grants(record, context)
        var content: [String: any Sendable] = [
            "address": account.jid.string, "displayName": account.displayName,
            "personalMessage": account.personalMessage, "keepsHistory": account.keepsHistory,
            "hasPhoto": try await storage.value(AccountPhoto.store, account.jid, key: "") != nil,
            "photoSize": AccountPhoto.maximumSize / 1024, "photoBytes": AccountPhoto.maximumSize,
            "grants": grants, "hasGrants": !grants.isEmpty,
        ]
        if let accountID = account.accountID { content["accountID"] = accountID }
        if let uploads = context.host.uploads {
            content["uploads"] = try await Self.files(in: uploads, of: account.jid, behind: last)
        }
        var page = Page("account", title: "Account", content)
        page.policy = page.policy.allowing("'self'", for: "script-src")
        if let problem {
            page.content["problem"] = problem
            page.status = .unprocessableContent
        }
        return page
    }

    private static func grants(
        _ record: AccountRecord, _ context: WebContext
    ) async throws(StorageError) -> [[String: any Sendable]] {
        let now = context.host.now()
        let online = Set(record.sessions.compactMap { $0.token?.grant })
        var entries: [[String: any Sendable]] = []
        for grant in try await context.host.storage.grants(of: record.jid).reversed()
        where grant.expiresAt > now || online.contains(grant.id) {
            let app = try await context.site.app(grant.app)
            entries.append([
                "id": grant.id, "app": app?.name ?? grant.app, "online": online.contains(grant.id),
                "rights": AccessScope.texts(of: grant.scopes).joined(separator: ". "), "since": day(grant.createdAt),
                "lastUse": moment(grant.lastUsedAt),
            ])
        }
        let clients = try await context.host.clients(of: record)
        for client in clients where client.isDevice {
            let names = [client.software, client.device].compactMap(\.self)
            entries.append([
                "id": client.id, "app": names.isEmpty ? "A chat program" : names.joined(separator: ", "),
                "online": client.isConnected, "rights": "Everything that you can do",
                "since": day(client.firstSeen), "lastUse": moment(client.lastSeen),
            ])
        }
        return entries
    }

    private static func day(_ time: Timestamp) -> String { String(time.xep0082.prefix(10)) }

    private static func moment(_ time: Timestamp) -> String {
        "\(day(time)) \(time.xep0082.dropFirst(11).prefix(5)) UTC"
    }

    // MARK: Files

    private static let filesOnPage = 20

    /// What the page says of uploaded files.
    private static func files(
        in uploads: UploadedFiles, of account: JID, behind last: FileID?
    ) async throws(StorageError) -> [String: any Sendable] {
        let (used, quota) = (try await uploads.usage(of: account).bytes, try await uploads.quota(of: account))
        let files = try await uploads.page(of: account, behind: last, limit: filesOnPage)
        var content: [String: any Sendable] = [
            "used": size(used), "quota": size(quota), "usedBytes": used, "quotaBytes": quota,
            "files": files.map { file -> [String: any Sendable] in
                var entry: [String: any Sendable] = [
                    "id": file.id.description, "name": file.name, "size": size(file.size), "since": day(file.createdAt),
                    "path": "\(UploadedFiles.path)\(file.path)",
                ]
                if let end = file.expiresAt { entry["until"] = day(end) }
                return entry
            },
            "hasFiles": !files.isEmpty,
        ]
        if files.count == filesOnPage, let last = files.last { content["next"] = last.id.description }
        return content
    }

    /// An amount of bytes for people.
    private static func size(_ bytes: Int) -> String {
        for (unit, shift) in [("GiB", 30), ("MiB", 20), ("KiB", 10)] where bytes >= 1 << shift {
            let tenths = (bytes * 10) >> shift
            return tenths % 10 == 0 || tenths >= 1000
                ? "\(tenths / 10) \(unit)" : "\(tenths / 10).\(tenths % 10) \(unit)"
        }
        return "\(bytes) bytes"
    }

    @Sendable private static func deleteFile(
        _ record: AccountRecord, _ form: Form, _ context: WebContext
    ) async throws -> Outcome {
        guard let uploads = context.host.uploads, let id = form["file"].flatMap({ FileID($0) }),
            let file = try await uploads.file(id, of: record.jid)
        else { return .problem("That file is deleted already.") }
        try await uploads.remove(file, of: record.jid)
        return .done("The file is deleted.")
    }

    // MARK: Changes

    @Sendable private static func setProfile(
        _ record: AccountRecord, _ form: Form, _ context: WebContext
    ) async -> Outcome {
        let name = line(form["display-name"])
        let message = line(form["personal-message"])
        guard name.count <= 200, message.count <= 500 else { return .problem("That is too long.") }
        return await change(AccountChanges(displayName: name, personalMessage: message), record, context, "Saved.")
    }

    /// One line of text, without characters that XML does not allow.
    private static func line(_ text: String?) -> String {
        let scalars = (text ?? "").unicodeScalars.filter { scalar in
            scalar.properties.generalCategory != .control && scalar.value & 0xFFFE != 0xFFFE
        }
        return String(String.UnicodeScalarView(scalars)).trimmingCharacters(in: .whitespaces)
    }

    private static func change(
        _ changes: AccountChanges, _ record: AccountRecord, _ context: WebContext, _ done: String
    ) async -> Outcome {
        do {
            _ = try await context.site.administration.change(record.account, changes)
        } catch {
            return .problem("That could not be saved.")
        }
        return .done(done)
    }

    @Sendable private static func setHistory(
        _ record: AccountRecord, _ form: Form, _ context: WebContext
    ) async throws -> Outcome {
        switch form["keep"] {
        case "on":
            return await change(
                AccountChanges(keepsHistory: true), record, context, "Your history is kept from now on.")
        case "off":
            return await change(AccountChanges(keepsHistory: false), record, context, "No history is kept any more.")
        case "delete":
            try await context.host.storage.removeArchived(
                ArchiveQuery(collection: ArchiveEntry.archive, owner: record.jid))
            return .done("Your history is deleted.")
        default: throw HTTPError(.badRequest)
        }
    }

    @Sendable private static func signOutApp(
        _ record: AccountRecord, _ form: Form, _ context: WebContext
    ) async throws -> Outcome {
        if let id = form["grant"],
            let client = try await context.host.clients(of: record).first(where: { $0.id == id && $0.isDevice })
        {
            try await context.host.revoke(client, of: record)
            return .done("The device is signed out. With your password it can sign in again.")
        }
        guard let id = form["grant"], let grant = try await context.host.storage.grant(id),
            grant.account == record.jid
        else { return .problem("That app is signed out already.") }
        try await context.host.revoke(grant)
        return .done("The app is signed out.")
    }

    @Sendable private static func setPassword(_ request: Request, _ context: WebContext) async throws -> Response {
        guard let (visitor, record) = try await context.person(request) else {
            return .seeOther("/sign-in?next=/account")
        }
        let form = try await request.form(context)
        try visitor.check(form["form-key"], context.site)
        func answer(_ text: String) async throws -> Response {
            try await page(record, context, problem: text).response(for: visitor, context)
        }
        let password = form["new"] ?? ""
        guard password.count >= 8, password.utf8.count <= 1000 else {
            return try await answer("The new password needs at least 8 characters.")
        }
        guard password == form["again"] else { return try await answer("The two new passwords are not the same.") }
        guard await isOwner(record, form["current"], context) else {
            return try await answer("The present password is not right.")
        }
        // Nobody else gets the name before the request has ended.
        let pin = record.pin()
        defer { pin.release() }
        do {
            try await context.site.administration.setPassword(password, of: record.account)
        } catch {
            return try await answer("The new password has characters that no password may have.")
        }
        // The person has just typed the password, and need not repeat it.
        await visitor.signOut(context)
        let signedIn = await context.site.authenticator.signIn(
            name: record.jid.string, password: password, host: context.host, from: context.client)
        guard case .success(let (account, key)) = signedIn else { return .seeOther("/sign-in?next=/account") }
        let next = await Visitor.signedIn(
            BrowserSession(account: account, credential: key, signedInAt: context.host.now()), context)
        return next.response(
            showing: "The password is changed. All apps and devices are signed out.", on: "/account", context)
    }

    /// Verifies the person's password; counts as an attempt to sign in.
    private static func isOwner(_ record: AccountRecord, _ password: String?, _ context: WebContext) async -> Bool {
        let answer = await context.site.authenticator.signIn(
            name: record.jid.string, password: password ?? "", host: context.host, from: context.client)
        guard case .success(let (account, _)) = answer else { return false }
        return account == record.jid
    }

    // MARK: Deletion

    private static func deletePage(problem: String? = nil) -> Page {
        var page = Page("delete", title: "Delete your account?", problem.map { ["problem": $0] } ?? [:])
        if problem != nil { page.status = .forbidden }
        return page
    }

    @Sendable private static func delete(_ request: Request, _ context: WebContext) async throws -> Response {
        guard let (visitor, record) = try await context.person(request) else {
            return .seeOther("/sign-in?next=/account")
        }
        let form = try await request.form(context)
        try visitor.check(form["form-key"], context.site)
        guard await isOwner(record, form["password"], context) else {
            return await deletePage(problem: "The password is not right.").response(for: visitor, context)
        }
        let pin = record.pin()
        defer { pin.release() }
        do {
            try await context.site.administration.remove(record.account)
        } catch {
            throw HTTPError(.internalServerError)
        }
        await visitor.signOut(context)
        return visitor.response(showing: "Your account is deleted. Nothing of it is kept here.", on: "/", context)
    }

    // MARK: Photo

    @Sendable private static func photo(_ request: Request, _ context: WebContext) async throws -> Response {
        guard let (_, record) = try await context.person(request) else { return SignInPages.detour(from: request) }
        guard let photo = try await context.host.photo(of: record.jid) else { throw HTTPError(.notFound) }
        return Response(
            status: .ok, headers: [.contentType: photo.format.rawValue],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: photo.bytes)))
    }

    @Sendable private static func setPhoto(_ request: Request, _ context: WebContext) async throws -> Response {
        guard let (visitor, record) = try await context.person(request) else {
            return .seeOther("/sign-in?next=/account")
        }
        func answer(_ outcome: Outcome) async throws -> Response {
            try await self.answer(outcome, record, visitor, context)
        }
        let tooLarge = Outcome.problem("The photo is larger than \(AccountPhoto.maximumSize / 1024) KiB.")
        let body: ByteBuffer
        do {
            // With room for the other parts and the boundaries.
            body = try await request.body.collect(upTo: AccountPhoto.maximumSize + 4096)
        } catch is NIOTooManyBytesError {
            return try await answer(tooLarge)
        }
        guard let form = MultipartForm(Array(body.readableBytesView), contentType: request.headers[.contentType] ?? "")
        else { throw HTTPError(.badRequest) }
        try visitor.check(form.text("form-key"), context.site)
        if form.text("action") == "remove" {
            return try await answer(
                change(AccountChanges(photo: Data()), record, context, "Your photo is removed."))
        }
        guard let file = form["photo"], !file.isEmpty else {
            return try await answer(.problem("Choose a photo first."))
        }
        guard file.count <= AccountPhoto.maximumSize else { return try await answer(tooLarge) }
        guard AccountPhoto(file) != nil else {
            return try await answer(.problem("That file is neither PNG nor JPEG nor GIF nor WebP."))
        }
        return try await answer(change(AccountChanges(photo: Data(file)), record, context, "This is your photo now."))
    }

    // MARK: Export

    private struct BodyOutput: AccountExport.Output {
        var writer: any ResponseBodyWriter

        mutating func write(_ bytes: ByteBuffer) async throws { try await writer.write(bytes) }
    }

    @Sendable private static func export(
        _ request: Request, _ context: WebContext, as format: AccountExport.Format
    ) async throws -> Response {
        guard let (_, record) = try await context.person(request) else { return SignInPages.detour(from: request) }
        let export = AccountExport(of: record, on: context.host)
        return Response(
            status: .ok,
            headers: [
                .contentType: format.rawValue,
                .contentDisposition:
                    "attachment; filename=\"\(record.jid.local ?? "account").\(format.fileExtension)\"",
            ],
            body: ResponseBody { writer in
                var output = BodyOutput(writer: writer)
                try await export.write(format, to: &output)
                try await output.writer.finish(nil)
            })
    }
}
