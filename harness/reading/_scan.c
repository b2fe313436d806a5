/* JSON and EDN maps as columns of their fields, and all that their values hold as cells, made from the text itself.
 *
 * Of each map the fields with given names are told: kind, payload and size of each value as a cell would have them.
 * The values of one of them become cells, so that they outlast the maps; its payload says where. Other fields are
 * passed over. Where a map has a field twice the last one counts.
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

/* As in harness.columns.values.Kind, and as in harness.reading.scanned: a field that a map does not have. */
enum kind { NIL, FALSE_, TRUE_, INT, FLOAT, TEXT, KEYWORD, WIDE, LIST, SET, MAP, ABSENT = 255 };

#define DEEPEST 64
#define MOST_NAMES 64
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

/* A map's field that was asked for. */
struct field {
    struct cell cell;
    uint32_t map;
    uint8_t name;
};

struct fields {
    struct field *at;
    size_t count, room;
};

struct name {
    const char *text;
    size_t length;
};

struct texts {
    struct name *at;
    size_t count, room;
};

struct slot {
    uint32_t hash;
    int32_t index; /* -1: free */
};

enum syntax { OWN_LINES, JSON, EDN };

struct scanner {
    const char *at, *end;
    int syntax;
    int edn; /* whether the syntax is EDN's */
    int64_t by_comma, by_line; /* how many maps were separated so */
    struct name names[MOST_NAMES];
    size_t n_names;
    size_t next;          /* which name is looked for first: fields mostly come in the order of the names */
    size_t kept;          /* the name of the field whose values become cells */
    size_t n_maps;
    struct fields fields;
    struct cells out;     /* finished: children of closed containers, side by side */
    struct cells pending; /* children of open ones */
    struct slot *slots;
    size_t n_slots;
    struct texts texts;
};

/* Make room for one more; return whether there is. */
static int roomy(void **at, size_t *room, size_t count, size_t size)
{
    if (count < *room)
        return 1;
    size_t more = *room ? 2 * *room : 1024;
    void *moved = realloc(*at, more * size);
    if (!moved)
        return 0;
    *at = moved;
    *room = more;
    return 1;
}

static int push(struct cells *cells, struct cell cell)
{
    if (!roomy((void **)&cells->at, &cells->room, cells->count, sizeof cell))
        return 0;
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
    if (2 * s->texts.count >= s->n_slots && !grown(s))
        return -1;
    if (s->texts.count == INT32_MAX)
        return -1;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (uint8_t)text[i]) * 16777619u;
    size_t place = hash & (s->n_slots - 1);
    for (; s->slots[place].index >= 0; place = (place + 1) & (s->n_slots - 1)) {
        const struct slot *slot = &s->slots[place];
        const struct name *each = &s->texts.at[slot->index];
        if (slot->hash == hash && each->length == length && !memcmp(each->text, text, length))
            return slot->index;
    }
    if (!roomy((void **)&s->texts.at, &s->texts.room, s->texts.count, sizeof *s->texts.at))
        return -1;
    s->slots[place] = (struct slot){.hash = hash, .index = (int32_t)s->texts.count};
    s->texts.at[s->texts.count] = (struct name){.text = text, .length = length};
    return (int64_t)s->texts.count++;
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

/* Pass over a text and set what is between its quotes. */
static int quoted(struct scanner *s, struct name *found)
{
    const char *at = s->at + 1, *end = s->end;
    uint8_t least = s->edn ? 0 : 0x20;
    for (; at < end && *at != '"'; at++)
        if (*at == '\\' || (uint8_t)*at < least)
            return 0;
    if (at == end)
        return 0;
    *found = (struct name){.text = s->at + 1, .length = (size_t)(at - s->at - 1)};
    s->at = at + 1;
    return 1;
}

/* Pass over a keyword and set what follows its colon. */
static int colon(struct scanner *s, struct name *found)
{
    const char *first = ++s->at;
    for (; s->at < s->end && !blank(s, *s->at) && !strchr(";\"()[]{}\\#^`@", *s->at); s->at++)
        if ((uint8_t)*s->at < 0x21 || (uint8_t)*s->at > 0x7e) /* blanks of Unicode are among these */
            return 0;
    *found = (struct name){.text = first, .length = (size_t)(s->at - first)};
    return found->length && delimited(s);
}

static int text(struct scanner *s)
{
    struct name found;
    int64_t index = quoted(s, &found) ? interned(s, found.text, found.length) : -1;
    return index >= 0 && put(s, TEXT, index, 0);
}

static int keyword(struct scanner *s)
{
    struct name found;
    int64_t index = colon(s, &found) ? interned(s, found.text, found.length) : -1;
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

/* Return the place of a name, or how many there are. */
static size_t named(struct scanner *s, struct name name)
{
    for (size_t i = 0, place = s->next; i < s->n_names; i++, place++) {
        if (place >= s->n_names)
            place = 0;
        const struct name *each = &s->names[place];
        if (each->length == name.length && !memcmp(each->text, name.text, name.length))
            return place;
    }
    return s->n_names;
}

static int field(struct scanner *s, size_t name)
{
    if (!roomy((void **)&s->fields.at, &s->fields.room, s->fields.count, sizeof *s->fields.at))
        return 0;
    struct cell cell = s->pending.at[0];
    s->pending.count = 0;
    if (name == s->kept && cell.kind != NIL) {
        if (!push(&s->out, cell))
            return 0;
        cell.payload = (int64_t)s->out.count - 1;
    }
    s->fields.at[s->fields.count++] = (struct field){.cell = cell, .map = (uint32_t)s->n_maps, .name = (uint8_t)name};
    return 1;
}

static int ascii(struct name name)
{
    for (size_t i = 0; i < name.length; i++)
        if ((uint8_t)name.text[i] > 0x7e)
            return 0;
    return 1;
}

/* Read the value of a field, which is lost where nobody asked for it; then nobody decodes its name, either. */
static int told(struct scanner *s, struct name name)
{
    size_t place = named(s, name), cells = s->out.count;
    if ((place == s->n_names && !ascii(name)) || !value(s, 0))
        return 0;
    if (place < s->n_names) {
        s->next = place + 1;
        return field(s, place);
    }
    s->out.count = cells;
    s->pending.count = 0;
    return 1;
}

static int key(struct scanner *s, struct name *found)
{
    if (s->at == s->end)
        return 0;
    return *s->at == '"' ? quoted(s, found) : s->edn && *s->at == ':' && colon(s, found);
}

static int edn_map(struct scanner *s)
{
    for (;;) {
        struct name name;
        skip(s);
        if (s->at < s->end && *s->at == '}') {
            s->at++;
            return 1;
        }
        if (!key(s, &name) || !told(s, name))
            return 0;
    }
}

static int json_map(struct scanner *s)
{
    skip(s);
    if (s->at < s->end && *s->at == '}') {
        s->at++;
        return 1;
    }
    for (;;) {
        struct name name;
        skip(s);
        if (!key(s, &name))
            return 0;
        skip(s);
        if (s->at == s->end || *s->at++ != ':' || !told(s, name))
            return 0;
        skip(s);
        if (s->at == s->end)
            return 0;
        char c = *s->at++;
        if (c == '}')
            return 1;
        if (c != ',')
            return 0;
    }
}

/* Read one of the maps. */
static int map(struct scanner *s)
{
    if (*s->at != '{' || s->n_maps == UINT32_MAX)
        return 0;
    s->at++;
    s->next = 0;
    if (!(s->edn ? edn_map : json_map)(s))
        return 0;
    s->n_maps++;
    return 1;
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
 * Python has it, and our own have the next line each.
 */
static int separated(struct scanner *s)
{
    int commas = 0, newlines = 0, between = s->n_maps > 0;
    for (; s->at < s->end && (blank(s, *s->at) || *s->at == ','); s->at++) {
        commas += *s->at == ',';
        newlines += *s->at == '\n';
    }
    if (s->syntax == EDN)
        return 1;
    if (s->syntax == OWN_LINES)
        return !commas && (s->at == s->end ? newlines <= between : newlines == between);
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
        if (!map(s))
            return 0;
        if (s->syntax != EDN)
            folded |= memchr(first, '\n', (size_t)(s->at - first)) != NULL;
    }
}

struct columns {
    PyObject *payloads, *sizes, *kinds;
    int64_t *payload;
    uint32_t *size;
    uint8_t *kind;
};

/* Make columns to be filled; return whether that went well. */
static int made(struct columns *columns, size_t count)
{
    columns->payloads = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(8 * count));
    columns->sizes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(4 * count));
    columns->kinds = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)count);
    if (!columns->payloads || !columns->sizes || !columns->kinds)
        return 0;
    columns->payload = (int64_t *)PyBytes_AsString(columns->payloads);
    columns->size = (uint32_t *)PyBytes_AsString(columns->sizes);
    columns->kind = (uint8_t *)PyBytes_AsString(columns->kinds);
    return 1;
}

static void dropped(struct columns *columns)
{
    Py_XDECREF(columns->payloads);
    Py_XDECREF(columns->sizes);
    Py_XDECREF(columns->kinds);
}

static void fill_cells(const struct cells *cells, struct columns *columns)
{
    for (size_t i = 0; i < cells->count; i++) {
        columns->payload[i] = cells->at[i].payload;
        columns->size[i] = cells->at[i].size;
        columns->kind[i] = cells->at[i].kind;
    }
}

/* Fill a column for each name, one after the other. */
static void fill_fields(const struct scanner *s, struct columns *columns)
{
    size_t count = s->n_names * s->n_maps;
    memset(columns->payload, 0xff, 8 * count); /* -1 */
    memset(columns->size, 0, 4 * count);
    memset(columns->kind, ABSENT, count);
    for (size_t i = 0; i < s->fields.count; i++) {
        const struct field *field = &s->fields.at[i];
        size_t place = field->name * s->n_maps + field->map;
        columns->payload[place] = field->cell.kind == NIL ? -1 : field->cell.payload;
        columns->size[place] = field->cell.size;
        columns->kind[place] = field->cell.kind;
    }
}

/* Return the texts as a tuple, or None where one of them is no UTF-8. */
static PyObject *decoded(const struct texts *texts)
{
    PyObject *all = PyTuple_New((Py_ssize_t)texts->count);
    for (size_t i = 0; all && i < texts->count; i++) {
        const struct name *each = &texts->at[i];
        PyObject *text = PyUnicode_DecodeUTF8(each->text, (Py_ssize_t)each->length, "strict");
        if (!text) {
            Py_DECREF(all);
            PyErr_Clear();
            return Py_NewRef(Py_None);
        }
        PyTuple_SetItem(all, (Py_ssize_t)i, text);
    }
    return all;
}

/* Take over the names, which are a tuple of texts that outlasts the scanner. */
static int take_names(struct scanner *s, PyObject *names)
{
    Py_ssize_t count = PyTuple_Size(names);
    if (count < 0)
        return 0;
    if (count > MOST_NAMES) {
        PyErr_SetString(PyExc_ValueError, "too many names");
        return 0;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        Py_ssize_t length;
        const char *text = PyUnicode_AsUTF8AndSize(PyTuple_GetItem(names, i), &length);
        if (!text)
            return 0;
        s->names[s->n_names++] = (struct name){.text = text, .length = (size_t)length};
    }
    return 1;
}

PyDoc_STRVAR(scan_doc,
             "scan(text, syntax, names, kept, /)\n--\n\n"
             "Return (how many maps, their fields, cells, texts) of a text of maps, or None.\n\n"
             "`names` are those of the fields, `kept` is the index of the one whose values become cells.");

static PyObject *scan(PyObject *self, PyObject *args)
{
    Py_buffer given;
    Py_ssize_t kept;
    struct scanner s = {0};
    struct columns fields = {0}, cells = {0};
    PyObject *names, *result = NULL, *texts = NULL;
    (void)self;
    if (!PyArg_ParseTuple(args, "y*iO!n:scan", &given, &s.syntax, &PyTuple_Type, &names, &kept))
        return NULL;
    s.edn = s.syntax == EDN;
    s.kept = (size_t)kept;
    s.at = given.buf;
    s.end = s.at + given.len;
    if (take_names(&s, names)) {
        int sound;
        Py_BEGIN_ALLOW_THREADS
        sound = scanned(&s);
        Py_END_ALLOW_THREADS
        texts = sound ? decoded(&s.texts) : Py_NewRef(Py_None);
    }
    if (texts == Py_None) {
        result = Py_NewRef(texts);
    } else if (texts && made(&fields, s.n_names * s.n_maps) && made(&cells, s.out.count)) {
        Py_BEGIN_ALLOW_THREADS
        fill_fields(&s, &fields);
        fill_cells(&s.out, &cells);
        Py_END_ALLOW_THREADS
        result = Py_BuildValue("n(OOO)(OOO)O", (Py_ssize_t)s.n_maps, fields.payloads, fields.sizes, fields.kinds,
                               cells.payloads, cells.sizes, cells.kinds, texts);
    }
    dropped(&fields);
    dropped(&cells);
    Py_XDECREF(texts);
    free(s.out.at);
    free(s.pending.at);
    free(s.fields.at);
    free(s.slots);
    free(s.texts.at);
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
