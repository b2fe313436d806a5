"""What Vagrant prints for programs: its escapes, its progress, its errors."""

from nodes.vagrant.machine_readable import Message, failure, parse, progress, states


def message(line: str) -> Message:
    parsed = parse(line)
    assert parsed is not None
    return parsed


def test_a_line_is_a_message_with_commas_and_line_ends_restored() -> None:
    line = "1795783882,n1,ui,info,==> n1: Image(vda): a.img%!(VAGRANT_COMMA) virtio\\nand more\n"
    assert message(line) == Message("n1", "ui", ("info", "==> n1: Image(vda): a.img, virtio\nand more"))


def test_a_message_may_be_about_no_machine() -> None:
    assert message("1795783881,,ui,info,Bringing machine 'n1' up").target == ""


def test_lines_of_other_programs_are_no_messages() -> None:
    for line in ("", "one", "warning: a, b, c, d", "17957838x1,n1,state,running", "1795783881,n1"):
        assert parse(line) is None, line


def test_progress_is_the_first_line_without_vagrants_decoration() -> None:
    assert progress(message("1,n1,ui,info,==> n1: Starting domain.\\nmore")) == "n1: Starting domain."
    assert progress(message("1,,ui,info,Bringing machine 'n1' up")) == "Bringing machine 'n1' up"


def test_settings_details_and_other_kinds_are_no_progress() -> None:
    for line in (
        "1,n1,ui,info,==> n1:  -- Memory:            256M",
        "1,n1,ui,detail,    n1: SSH username: vagrant",
        "1,n1,metadata,provider,libvirt",
        "1,n1,ui,info,",
        "1,n1,ui",
    ):
        assert progress(message(line)) is None, line


def test_the_error_that_ended_vagrant_is_found() -> None:
    lines = [
        "1,,ui,error,boo",
        "1,,error-exit,Vagrant::Errors::MachineNotFound,No machine%!(VAGRANT_COMMA) no",
    ]
    assert failure(map(message, lines)) == "No machine, no"
    assert failure([message("1,,ui,error,boo")]) is None


def test_states_are_told_by_machine() -> None:
    lines = ["1,n1,provider-name,libvirt", "1,n1,state,running", "1,n2,state,not_created", "1,,ui,info,x"]
    assert states(map(message, lines)) == {"n1": "running", "n2": "not_created"}
