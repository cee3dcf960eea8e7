use super::*;

#[test]
fn a_member_whose_name_was_taken_ends_as_fenced_wherever_it_hears_of_it() {
    use RDKafkaErrorCode::{FencedInstanceId, UnreleasedInstanceId};
    for heard in [
        KafkaError::MessageConsumptionFatal(FencedInstanceId),
        KafkaError::MessageConsumptionFatal(UnreleasedInstanceId),
        // From the queue of a partition.
        KafkaError::MessageConsumption(FencedInstanceId),
    ] {
        let ended = fail_if_fatal(heard.clone());
        assert!(matches!(ended, Err(Error::Fenced { .. })), "{heard:?}");
    }
    let passing = KafkaError::MessageConsumption(RDKafkaErrorCode::AllBrokersDown);
    assert!(fail_if_fatal(passing).is_ok());
    let lost = KafkaError::MessageConsumption(RDKafkaErrorCode::OffsetOutOfRange);
    let ended = fail_if_fatal(lost);
    assert!(matches!(ended, Err(Error::Fatal { .. })), "{ended:?}");
}
