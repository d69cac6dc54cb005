/// What is asked before something is done that cannot be undone: a page with one form.
struct Confirmation {
    let title: String
    let text: String
    /// Where the form leads.
    let action: String
    let fields: [(name: String, value: String)]
    var isMultipart = false
    /// What the button says.
    let button: String
    /// Where whoever does not want it goes.
    let back: String

    var page: Page {
        Page(
            "confirmation", title: title,
            [
                "text": text, "action": action, "fields": fields.map { ["name": $0.name, "value": $0.value] },
                "isMultipart": isMultipart, "button": button, "back": back,
            ])
    }
}
