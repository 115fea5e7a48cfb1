//! Tests of replayed packets.

use super::*;

fn read(text: &str, limits: ReadLimits) -> Result<Vec<TracePacket>, ReadError> {
    PacketLines::new(text.as_bytes(), limits).collect()
}

fn faults(text: &str, limits: ReadLimits) -> (Vec<String>, bool) {
    match read(text, limits) {
        Err(ReadError::Lines { faults, stopped }) => {
            (faults.iter().map(ToString::to_string).collect(), stopped)
        }
        other => panic!("{other:?}"),
    }
}

const GOOD: &str = "# remark\ncycle,source,destinations,flits\n12,0,4 5 4,2\n\n0,3,1,1\n5,0,2,1\r\n5,0,3,1";

#[test]
fn packets_come_in_order_of_their_source() {
    let packets = read(GOOD, ReadLimits::default()).unwrap();
    let mut replay = Replay::from_packets(packets, 6, 1).unwrap();
    let of_0: Vec<_> = std::iter::from_fn(|| replay.next(EndpointId(0))).collect();
    let short: Vec<_> = of_0.iter().map(|a| (a.cycle, a.destinations.as_slice().len(), a.flits)).collect();
    assert_eq!(short, [(5, 1, 1), (5, 1, 1), (12, 2, 2)]);
    assert_eq!(of_0[0].destinations, Destinations::One(EndpointId(2)), "packets of a cycle keep their order");
    assert_eq!(replay.next(EndpointId(3)).unwrap().cycle, 0);
    assert!(replay.next(EndpointId(3)).is_none() && replay.next(EndpointId(99)).is_none());
}

#[test]
fn packets_of_another_network_are_refused() {
    let stream = || PacketLines::new(GOOD.as_bytes(), ReadLimits::default());
    let error = Replay::try_from_packets(stream(), 5, 1).unwrap_err();
    assert_eq!(error.to_string(), "packet 0 names endpoint 5; the network has 5, numbered from 0");
    assert!(Replay::try_from_packets(stream(), 6, 1).is_ok());
}

#[test]
fn every_bad_line_is_told_up_to_the_limit() {
    let text =
        "cycle,source,destinations,flits\n1,2,3\nx,2,3,1\n1,2,,1\n1,2,3,0\n1,2,3,1,9\n1,2,3 z,1\n1,2,3,1\n";
    let (all, stopped) = faults(text, ReadLimits::default());
    assert_eq!(
        all,
        [
            "line 2: wanted flits, 1 to 65535, found the end of the line",
            "line 3: wanted a cycle, found `x`",
            "line 4: wanted destinations separated by spaces, found ``",
            "line 5: wanted flits, 1 to 65535, found `0`",
            "line 6: wanted the end of the line, found `9`",
            "line 7: wanted a destination endpoint, found `z`",
        ]
    );
    assert!(!stopped);
    let (some, stopped) = faults(text, ReadLimits { faults: 2, ..ReadLimits::default() });
    assert_eq!((some.len(), stopped), (2, true));
    let (header, _) = faults("time,src,dst\n", ReadLimits::default());
    assert_eq!(header, ["line 1: wanted the header cycle,source,destinations,flits, found `time,src,dst`"]);
}

#[test]
fn a_line_without_end_needs_no_memory() {
    let text = format!("cycle,source,destinations,flits\n1,2,3,1\n{}\n", "9 ".repeat(1 << 20));
    let (all, _) = faults(&text, ReadLimits { line_bytes: 100, ..ReadLimits::default() });
    assert_eq!(all, ["line 3: wanted a shorter line, found more than 100 bytes"]);
    let bytes: &[u8] = b"cycle,source,destinations,flits\n\xff\xfe\n";
    let not_text = PacketLines::new(bytes, ReadLimits::default()).next();
    assert!(not_text.unwrap().unwrap_err().to_string().contains("not UTF-8"));
}
