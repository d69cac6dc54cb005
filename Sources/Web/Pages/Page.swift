import Hummingbird
import Mustache
import NIOCore
import XMPPServer

/// A page made from a template: its content and its policy.
struct Page: Sendable {
    /// The name of its template.
    let template: String
    /// Its heading and title.
    let title: String
    /// The template's values. Texts are escaped.
    var content: [String: any Sendable]
    var status: HTTPResponse.Status = .ok
    var policy = ContentPolicy.page

    init(_ template: String, title: String, _ content: [String: any Sendable] = [:]) {
        self.template = template
        self.title = title
        self.content = content
    }

    /// A page with one message, such as an error.
    ///
    /// - Parameter links: where to go from there.
    static func notice(
        _ title: String, _ text: String, status: HTTPResponse.Status = .ok, links: [(title: String, path: String)] = []
    ) -> Page {
        var page = Page(
            "notice", title: title, ["text": text, "buttons": links.map { ["label": $0.title, "path": $0.path] }])
        page.status = status
        return page
    }

    /// The response with the page for an unidentified visitor.
    ///
    /// - Parameter name: that of the site.
    func response(named name: String) -> Response {
        var content = content
        content["title"] = title
        content["host"] = name
        // Template sections would treat an empty text as present.
        content = content.filter { ($0.value as? String)?.isEmpty != true }
        let text = Templates.library.render(content, withTemplate: template) ?? ""
        return Response(
            status: status,
            headers: [.contentType: "text/html; charset=utf-8", .contentSecurityPolicy: policy.description],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }

    /// The response with the page for a visitor.
    func response(for visitor: Visitor, _ context: WebContext) async -> Response {
        var content = content
        content["formKey"] = visitor.formKey(context.site)
        content["notice"] = visitor.takeNotice(context)
        if let account = visitor.session?.account {
            let record: AccountRecord? =
                if case .success(let found) = await context.host.find(account) { found } else { nil }
            let name = record?.account.displayName ?? ""
            content["person"] = name.isEmpty ? record?.account.accountID ?? account.string : name
            content["links"] = context.site.links.map { ["title": $0.title, "path": $0.path] }
        }
        var page = self
        page.content = content
        var response = page.response(named: context.host.domain)
        visitor.remember(in: &response, context)
        return response
    }
}

extension Response {
    /// Redirects the browser to another page, which it loads with GET.
    static func seeOther(_ location: String) -> Response {
        Response(status: .seeOther, headers: [.location: location])
    }
}
