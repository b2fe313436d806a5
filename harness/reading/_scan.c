/* JSON and EDN maps as cells: what a Builder makes of parsed values, made from the text itself.
 *
 * Only what histories usually consist of is read: maps, lists, sets, texts, keywords, whole numbers, constants.
 * For all else (fractions, escapes by number, tags, and whatever is malformed) `scan` gives up and returns None,
 * and the parsers in Python read the piece, or say what is wrong with it. So this file decides nothing.
 */
#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* As in harness.columns.values.Kind. */
enum kind { NIL, FALSE_, TRUE_, INT, FLOAT, TEXT, KEYWORD, WIDE, LIST, SET, MAP };

#define DEEPEST 64
#define DIGITS 18 /* of which any number fits into 64 bits */

struct cell {
    int64_t payload;
    uint32_t size;
    uint8_t kind;
};

struct cells {
    struct cell *at;
    size_t count, room;
};

struct slot {
    const char *text;
    uint32_t length, hash;
    int32_t index; /* -1: free */
};

enum syntax { OWN_LINES, JSON, EDN };

struct scanner {
    const char *at, *end;
    int syntax;
    int edn; /* whether the syntax is EDN's */
    int64_t by_comma, by_line; /* how many maps were separated so */
    struct cells out;     /* finished: children of closed containers, side by side */
    struct cells pending; /* children of open ones */
    struct cells roots;   /* the maps themselves */
    struct slot *slots;
    size_t n_slots, n_texts;
    PyObject *texts;
};

static int push(struct cells *cells, struct cell cell)
{
    if (cells->count == cells->room) {
        size_t room = cells->room ? 2 * cells->room : 1024;
        struct cell *at = realloc(cells->at, room * sizeof *at);
        if (!at)
            return 0;
        cells->at = at;
        cells->room = room;
    }
    cells->at[cells->count++] = cell;
    return 1;
}

static int put(struct scanner *s, enum kind kind, int64_t payload, uint32_t size)
{
    return push(&s->pending, (struct cell){.payload = payload, .size = size, .kind = (uint8_t)kind});
}

static int grown(struct scanner *s)
{
    size_t count = s->n_slots ? 2 * s->n_slots : 1024;
    struct slot *slots = malloc(count * sizeof *slots);
    if (!slots)
        return 0;
    for (size_t i = 0; i < count; i++)
        slots[i].index = -1;
    for (size_t i = 0; i < s->n_slots; i++) {
        if (s->slots[i].index < 0)
            continue;
        size_t place = s->slots[i].hash & (count - 1);
        while (slots[place].index >= 0)
            place = (place + 1) & (count - 1);
        slots[place] = s->slots[i];
    }
    free(s->slots);
    s->slots = slots;
    s->n_slots = count;
    return 1;
}

/* Return the index of a text, -1 when it can't be had. */
static int64_t interned(struct scanner *s, const char *text, size_t length)
{
    uint32_t hash = 2166136261u;
    if (2 * s->n_texts >= s->n_slots && !grown(s))
        return -1;
    if (length > UINT32_MAX)
        return -1;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (uint8_t)text[i]) * 16777619u;
    size_t place = hash & (s->n_slots - 1);
    for (; s->slots[place].index >= 0; place = (place + 1) & (s->n_slots - 1)) {
        struct slot *slot = &s->slots[place];
        if (slot->hash == hash && slot->length == length && !memcmp(slot->text, text, length))
            return slot->index;
    }
    PyObject *made = PyUnicode_DecodeUTF8(text, (Py_ssize_t)length, "strict");
    if (!made || PyList_Append(s->texts, made)) {
        Py_XDECREF(made);
        PyErr_Clear();
        return -1;
    }
    Py_DECREF(made);
    s->slots[place] = (struct slot){.text = text, .length = (uint32_t)length, .hash = hash, .index = (int32_t)s->n_texts};
    return (int64_t)s->n_texts++;
}

static int blank(const struct scanner *s, char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r' || (s->edn && c == ',');
}

static void skip(struct scanner *s)
{
    while (s->at < s->end && blank(s, *s->at))
        s->at++;
}

/* Whether what was read is over here: not glued to something that would change it. */
static int delimited(const struct scanner *s)
{
    if (s->at == s->end || blank(s, *s->at))
        return 1;
    char c = *s->at;
    return c == ',' || c == '}' || c == ']' || c == ')';
}

static int word(struct scanner *s, const char *text)
{
    size_t length = strlen(text);
    if ((size_t)(s->end - s->at) < length || memcmp(s->at, text, length))
        return 0;
    s->at += length;
    return delimited(s);
}

static int number(struct scanner *s)
{
    int negative = *s->at == '-';
    const char *first = s->at += negative;
    int64_t value = 0;
    while (s->at < s->end && *s->at >= '0' && *s->at <= '9' && s->at - first <= DIGITS)
        value = 10 * value + (*s->at++ - '0');
    size_t digits = (size_t)(s->at - first);
    if (digits == 0 || digits > DIGITS || (digits > 1 && *first == '0') || !delimited(s))
        return 0;
    return put(s, INT, negative ? -value : value, 0);
}

static int text(struct scanner *s)
{
    const char *first = ++s->at;
    while (s->at < s->end && *s->at != '"') {
        if (*s->at == '\\' || (!s->edn && (uint8_t)*s->at < 0x20))
            return 0;
        s->at++;
    }
    if (s->at == s->end)
        return 0;
    int64_t index = interned(s, first, (size_t)(s->at - first));
    s->at++;
    return index >= 0 && put(s, TEXT, index, 0);
}

static int keyword(struct scanner *s)
{
    const char *first = ++s->at;
    for (; s->at < s->end && !blank(s, *s->at) && !strchr(";\"()[]{}\\#^`@", *s->at); s->at++)
        if ((uint8_t)*s->at < 0x21 || (uint8_t)*s->at > 0x7e) /* blanks of Unicode are among these */
            return 0;
    if (s->at == first || !delimited(s))
        return 0;
    int64_t index = interned(s, first, (size_t)(s->at - first));
    return index >= 0 && put(s, KEYWORD, index, 0);
}

static int value(struct scanner *s, int depth);

/* Close a container: its children become neighbours among the finished cells. */
static int closed(struct scanner *s, enum kind kind, size_t begin)
{
    size_t count = s->pending.count - begin, first = s->out.count;
    if (count > UINT32_MAX || (kind == MAP && count % 2))
        return 0;
    for (size_t i = begin; i < s->pending.count; i++)
        if (!push(&s->out, s->pending.at[i]))
            return 0;
    s->pending.count = begin;
    return put(s, kind, (int64_t)first, (uint32_t)count);
}

static int edn_container(struct scanner *s, enum kind kind, char closer, int depth)
{
    size_t begin = s->pending.count;
    for (;;) {
        skip(s);
        if (s->at == s->end)
            return 0;
        if (*s->at == closer) {
            s->at++;
            return closed(s, kind, begin);
        }
        if (!value(s, depth))
            return 0;
    }
}

static int json_container(struct scanner *s, enum kind kind, char closer, int depth)
{
    size_t begin = s->pending.count;
    skip(s);
    if (s->at < s->end && *s->at == closer) {
        s->at++;
        return closed(s, kind, begin);
    }
    for (;;) {
        skip(s);
        if (kind == MAP) {
            if (s->at == s->end || *s->at != '"' || !text(s))
                return 0;
            skip(s);
            if (s->at == s->end || *s->at++ != ':')
                return 0;
        }
        if (!value(s, depth))
            return 0;
        skip(s);
        if (s->at == s->end)
            return 0;
        char c = *s->at++;
        if (c == closer)
            return closed(s, kind, begin);
        if (c != ',')
            return 0;
    }
}

static int container(struct scanner *s, enum kind kind, char closer, int depth)
{
    s->at++;
    if (depth == DEEPEST)
        return 0;
    return (s->edn ? edn_container : json_container)(s, kind, closer, depth + 1);
}

static int value(struct scanner *s, int depth)
{
    skip(s);
    if (s->at == s->end)
        return 0;
    switch (*s->at) {
    case '{':
        return container(s, MAP, '}', depth);
    case '[':
        return container(s, LIST, ']', depth);
    case '(':
        return s->edn && container(s, LIST, ')', depth);
    case '#':
        if (!s->edn || ++s->at == s->end || *s->at != '{')
            return 0;
        return container(s, SET, '}', depth);
    case '"':
        return text(s);
    case ':':
        return s->edn && keyword(s);
    case 't':
        return word(s, "true") && put(s, TRUE_, 0, 0);
    case 'f':
        return word(s, "false") && put(s, FALSE_, 0, 0);
    case 'n':
        return word(s, s->edn ? "nil" : "null") && put(s, NIL, 0, 0);
    }
    return number(s);
}

/* Jepsen's record before an operation's map: it says nothing that the map does not say. */
static void skip_record(struct scanner *s)
{
    static const char record[] = "#jepsen.history.Op";
    size_t length = sizeof record - 1;
    if (s->edn && (size_t)(s->end - s->at) > length && !memcmp(s->at, record, length) && s->at[length] == '{')
        s->at += length;
}

/* Pass over what is between maps; return whether maps may be so separated.
 *
 * EDN asks for nothing. JSON maps have either a comma between any two of them or else a line each, as the parser in
 * Python has it, and our own lines never a comma.
 */
static int separated(struct scanner *s)
{
    int commas = 0, newlines = 0, between = s->roots.count > 0;
    for (; s->at < s->end && (blank(s, *s->at) || *s->at == ','); s->at++) {
        commas += *s->at == ',';
        newlines += *s->at == '\n';
    }
    if (s->syntax == EDN)
        return 1;
    if (s->syntax == OWN_LINES && commas)
        return 0;
    if (!between || s->at == s->end)
        return 1;
    s->by_comma += commas == 1;
    s->by_line += commas == 0 && newlines > 0;
    return (s->by_comma == 0) != (s->by_line == 0) && commas <= 1;
}

static int scanned(struct scanner *s)
{
    int folded = 0;
    for (;;) {
        if (!separated(s))
            return 0;
        if (s->at == s->end)
            return !(folded && (s->by_line || s->syntax == OWN_LINES));
        skip_record(s);
        const char *first = s->at;
        if (*first != '{' || !value(s, 0) || !push(&s->roots, s->pending.at[0]))
            return 0;
        s->pending.count = 0;
        if (s->syntax != EDN)
            folded |= memchr(first, '\n', (size_t)(s->at - first)) != NULL;
    }
}

/* Return columns of cells as bytes: payloads, sizes, kinds. */
static PyObject *columns(const struct cells *cells)
{
    Py_ssize_t count = (Py_ssize_t)cells->count;
    PyObject *payloads = PyBytes_FromStringAndSize(NULL, 8 * count);
    PyObject *sizes = PyBytes_FromStringAndSize(NULL, 4 * count);
    PyObject *kinds = PyBytes_FromStringAndSize(NULL, count);
    PyObject *all = NULL;
    if (payloads && sizes && kinds) {
        int64_t *payload = (int64_t *)PyBytes_AsString(payloads);
        uint32_t *size = (uint32_t *)PyBytes_AsString(sizes);
        uint8_t *kind = (uint8_t *)PyBytes_AsString(kinds);
        for (Py_ssize_t i = 0; i < count; i++) {
            payload[i] = cells->at[i].payload;
            size[i] = cells->at[i].size;
            kind[i] = cells->at[i].kind;
        }
        all = PyTuple_Pack(3, payloads, sizes, kinds);
    }
    Py_XDECREF(payloads);
    Py_XDECREF(sizes);
    Py_XDECREF(kinds);
    return all;
}

PyDoc_STRVAR(scan_doc, "scan(text, syntax, /)\n--\n\nReturn (roots, cells, texts) of a text of maps, or None.");

static PyObject *scan(PyObject *self, PyObject *args)
{
    Py_buffer given;
    struct scanner s = {0};
    PyObject *result = NULL, *roots = NULL, *cells = NULL;
    (void)self;
    if (!PyArg_ParseTuple(args, "y*i:scan", &given, &s.syntax))
        return NULL;
    s.edn = s.syntax == EDN;
    s.at = given.buf;
    s.end = s.at + given.len;
    s.texts = PyList_New(0);
    if (s.texts && scanned(&s)) {
        roots = columns(&s.roots);
        cells = columns(&s.out);
        if (roots && cells)
            result = PyTuple_Pack(3, roots, cells, s.texts);
    } else if (s.texts) {
        result = Py_NewRef(Py_None);
    }
    Py_XDECREF(roots);
    Py_XDECREF(cells);
    Py_XDECREF(s.texts);
    free(s.out.at);
    free(s.pending.at);
    free(s.roots.at);
    free(s.slots);
    PyBuffer_Release(&given);
    return result;
}

static PyMethodDef methods[] = {
    {"scan", scan, METH_VARARGS, scan_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_scan", "Maps of JSON and EDN as cells.", 0, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__scan(void)
{
    return PyModule_Create(&definition);
}
